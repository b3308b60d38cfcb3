local_edition(3)

stored <- function(x, ...) runtime$encode_stored(x, "durable_step(\"s\")", ...)
back <- function(x) runtime$decode_stored(stored(x))

test_that("every value comes back as it was", {
  values <- list(
    NULL, TRUE, FALSE, NA, 1L, 1, -1, 0, -0, 0.1, 0.1 + 0.2, 1 / 3, 1e15, 1e300, 123456789012, NA_integer_, NA_real_, NaN, Inf, -Inf,
    "", "text", "5", "[5]", "null", "\u00e9\u4e2d", "a\nb\"\\", NA_character_, 1:3, c(1, 2), c(1.5, 2), c(a = 1), c(TRUE, NA),
    character(), integer(), list(), list(1, 2), list(1L, "a"), list(a = 1, b = 2L, c = "x", d = NULL), list(a = list(b = 1:3)),
    setNames(list(), character()), data.frame(a = 1:2, b = c("x", "y")), data.frame(a = c(1, 2)), data.frame(), iris[1:3, ],
    factor(c("a", "b")), Sys.Date(), as.POSIXct(1e9, origin = "1970-01-01", tz = "UTC"), matrix(1:4, 2), as.raw(1:3), 1i,
    quote(x + y), as.name("x"), list(r = "abc"), list(r = 1), "{\"r\":\"abc\"}", structure(list(1), class = "own"), as.difftime(2, units = "secs"),
    list(a = 1, a = 2), list(a = NA), mtcars, strsplit("a b", " "), as.list(1:3), 2147483647L, 9007199254740993
  )
  for (value in values) {
    expect_identical(back(value), value)
  }
  f <- function(x) x + 1
  expect_identical(back(f)(2), 3)
})

test_that("zeros keep their sign, and NaN is not NA", {
  for (value in list(-0, c(0, -0), list(a = -0), data.frame(a = c(0, -0)), c(NaN, NA), list(NA_real_, NaN))) {
    expect_true(identical(back(value), value, num.eq = FALSE, single.NA = FALSE))
  }
})

test_that("text of every encoding comes back", {
  text <- function(encoding) {
    x <- "caf\xe9"
    Encoding(x) <- encoding
    x
  }
  for (x in list(text("latin1"), text("bytes"), text("unknown"), "caf\u00e9", "\ufeffa\u2028\U1F600", "\001\t\x7f")) {
    expect_identical(back(x), x)
    expect_identical(back(c(x, "a")), c(x, "a"))
    expect_identical(back(stats::setNames(list(1L), x)), stats::setNames(list(1L), x))
  }
})

test_that("objects of all systems come back", {
  owner <- methods::setClass("DurableOwner", representation(x = "numeric"), where = globalenv())
  on.exit(methods::removeClass("DurableOwner", where = globalenv()))
  expect_identical(back(list(owner(x = 1))), list(owner(x = 1)))
  env <- list2env(list(a = 1, b = list(2L)), parent = emptyenv())
  expect_identical(as.list(back(env)), as.list(env))
  table <- data.table::data.table(a = 1:3, key = "a")
  expect_identical(as.list(back(table)), as.list(table))
  expect_identical(data.table::key(back(table)), "a")
  deep <- list()
  for (i in 1:3000) deep <- list(deep)
  expect_identical(back(deep), deep)
})

test_that("what JSON can say is JSON", {
  expect_identical(stored("a"), "\"a\"")
  expect_identical(stored(1), "1")
  expect_identical(stored(1.5), "1.5")
  expect_identical(stored(1L), "[1]")
  expect_identical(stored(TRUE), "true")
  expect_identical(stored(NULL), "null")
  expect_identical(stored(list(a = 1L, b = "x")), "{\"a\":1,\"b\":\"x\"}")
  expect_identical(stored(c("a", "b")), "[\"a\",\"b\"]")
  expect_match(stored(factor("a")), "^[{]\"r\":\"[A-Za-z0-9+/=]+\"[}]$")
  expect_lt(nchar(stored(as.numeric(1:10000))), 50000)
})

test_that("a state that is an integer stays a plain number", {
  expect_identical(stored(3L, like = 0L), "3")
  expect_identical(runtime$decode_stored("3", like = 0L), 3L)
  expect_identical(runtime$decode_stored(stored(3, like = 0L), like = 0L), 3)
  expect_identical(runtime$decode_stored(stored(3, like = 0), like = 0), 3)
})

test_that("connections and pointers are refused, with their place", {
  con <- file(tempfile(), "w")
  on.exit(close(con))
  expect_error(stored(con), "it is a connection or a pointer")
  expect_error(stored(list(a = list(con))), "it$a[[1]] is a connection", fixed = TRUE)
  expect_error(stored(structure(list(year = con), class = "POSIXlt")), "it$year is a connection", fixed = TRUE)
})

test_that("a serialiser of the user's is used for both ways", {
  own <- list(write = function(x) paste0("<", x, ">"), read = function(text) toupper(text))
  expect_identical(stored("a", serialiser = own), "<a>")
  expect_identical(runtime$decode_stored("<a>", own), "<A>")
  expect_error(stored("a", serialiser = list(write = function(x) 1)), "write() must return one string of UTF-8, not numeric", fixed = TRUE)
  expect_error(
    stored("a", serialiser = list(write = function(x) stop("no way"))),
    "durable_step(\"s\"): its serialiser's write() has failed: no way", fixed = TRUE, class = "durable_misuse"
  )
  for (wrong in list(1, list(), list(write = 1), list(other = identity), function(x) x)) {
    expect_error(runtime$check_serialiser("durable_step()", wrong), "serialiser must be list(write = ", fixed = TRUE)
  }
})

test_that("text from outside is JSON or text, and never R's own form", {
  expect_identical(runtime$decode_answer("{\"approved\": true}"), list(approved = TRUE))
  expect_identical(runtime$decode_answer("42"), 42L)
  expect_identical(runtime$decode_answer("hello world"), "hello world")
  expect_identical(runtime$decode_answer("/etc/passwd"), "/etc/passwd")
  expect_identical(runtime$decode_answer("{\"a\":\"\\u0000\"}"), "{\"a\":\"\\u0000\"}")
  expect_null(runtime$decode_answer(NULL))
  expect_null(runtime$decode_answer(""))
  hostile <- stored(quote(stop("evaluated")))
  expect_identical(names(runtime$decode_answer(hostile)), "r")
  expect_identical(runtime$decode_answer("3", list(read = as.numeric)), 3)
})

test_that("a payload that is too large is named, with its size and the fix", {
  expect_null(runtime$too_large(strrep("x", 262144), "it", "fix"))
  large <- runtime$too_large(strrep("x", 262145), "durable_step(\"big\")", "keep it in S3")
  expect_identical(conditionMessage(large), "durable_step(\"big\") has 262,145 bytes when stored, and Lambda stores at most 262,144: keep it in S3")
})

test_that("a model that is too large has the reason in its error", {
  numbers <- rnorm(1e5)
  expect_error(runtime$encode_fitting(numbers, "durable_step(\"s\")"), "return the key$", class = "durable_too_large")
  model <- local({
    all <- numbers
    list(formula = y ~ x)
  })
  expect_error(
    runtime$encode_fitting(model, "durable_step(\"s\")"),
    "a function or a formula, as models have, which is stored with all variables around it", class = "durable_too_large"
  )
})
