local_edition(3)

# part() is a part of a form, and form() a form of parts.
part <- function(disposition, content, ...) {
  head <- paste0(c(paste0("Content-Disposition: form-data", disposition), ...), collapse = "\r\n")
  c(charToRaw(paste0("--b;1\r\n", head, "\r\n\r\n")), if (is.raw(content)) content else charToRaw(content), charToRaw("\r\n"))
}

form <- function(...) c(..., charToRaw("--b;1--\r\n"))

type <- "multipart/form-data; boundary=\"b;1\""

parse <- function(bytes, content_type = type) runtime$parse_multipart(bytes, content_type)

test_that("fields are text, and files lists", {
  bytes <- as.raw(c(0, 13, 10, 255, 13, 10, 45, 45, 98)) # with what looks like a delimiter
  got <- parse(form(
    part("; name=\"title\"", "caf\u00e9\r\nau lait"),
    part("; name=\"photo\"; filename=\"a b.png\"", bytes, "Content-Type: image/png"),
    part("; name=empty", ""),
    part("; filename=\"x; name=y\"; name=\"none\"", raw())
  ))
  expect_identical(got, list(
    title = "caf\u00e9\r\nau lait",
    photo = list(name = "a b.png", type = "image/png", content = bytes),
    empty = "",
    none = list(name = "x; name=y", type = "application/octet-stream", content = raw())
  ))
})

test_that("parts of one name are together", {
  got <- parse(form(
    part("; name=\"a\"", "1"), part("; name=\"f\"; filename=\"x\"", "1"), part("; name=\"a\"", "2"), part("; name=\"f\"; filename=\"y\"", "2")
  ))
  expect_identical(got$a, c("1", "2"))
  expect_identical(lapply(got$f, `[[`, "name"), list("x", "y"))
})

test_that("names have what browsers encode, and fields their charset", {
  expect_named(parse(form(part("; name=\"a%22b%0D%0A%41\"", ""))), "a\"b\r\n%41")
  got <- parse(form(part("; name=\"a\"", as.raw(0xe9), "content-type: text/plain; charset=latin1")))
  expect_identical(got$a, "\u00e9")
})

test_that("text before and after the parts is ignored", {
  bytes <- c(charToRaw("preamble\r\n"), form(part("; name=\"a\"", "1")), charToRaw("epilogue"))
  expect_identical(parse(bytes), list(a = "1"))
})

test_that("a form that is none is the caller's fault", {
  whole <- form(part("; name=\"a\"", "1"))
  for (bytes in list(raw(), charToRaw("x"), utils::head(whole, -5L), part("; name=\"a\"", "1"))) {
    expect_failure_type(parse(bytes), "Runtime.BadRequest", "closing boundary is missing")
  }
  expect_failure_type(parse(whole, "multipart/form-data"), "Runtime.BadRequest", "has no boundary")
  expect_failure_type(parse(form(part("", "1"))), "Runtime.BadRequest", "has no name")
  expect_failure_type(parse(form(charToRaw("--b;1\r\n\r\nx\r\n"))), "Runtime.BadRequest", "has no name")
  expect_failure_type(parse(form(part("; name=\"a\"", as.raw(255)))), "Runtime.BadRequest", "the field \"a\" of the form is not text")
  expect_failure_type(parse(form(part(paste0("; name=\"", strrep("a", 5000L), "\""), "1"))), "Runtime.BadRequest", "more than 4 KB of headers")
  many <- unlist(rep(list(part("; name=\"a\"", "1")), 1001L))
  expect_failure_type(parse(form(many)), "Runtime.BadRequest", "more than 1000 parts")
})

test_that("a form of megabytes is read in good time", {
  took <- system.time(got <- parse(form(part("; name=\"f\"; filename=\"x\"", raw(4e6)))))
  expect_length(got$f$content, 4e6)
  expect_lt(took[["elapsed"]], 5) # 0.1 s; a scan byte by byte takes minutes
})
