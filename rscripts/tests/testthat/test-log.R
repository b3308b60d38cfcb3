local_edition(3)

# log_record() logs a record and returns it.
log_record <- function(id, ...) {
  io <- file_io()
  runtime$log_to(io, id)(...)
  log_records(io)[[1L]]
}

# append_to_pipes() makes the runtime open files for appending: opening a pipe again keeps what is
# in it, opening a file does not.
append_to_pipes <- function(io, env = parent.frame()) {
  open_pipe <- runtime$open_pipe
  runtime$open_pipe <- function(path, mode) open_pipe(path, "ab")
  withr::defer(runtime$open_pipe <- open_pipe, envir = env)
}

test_that("a record has its invocation, its level and its text", {
  expect_identical(log_record(NULL, "info", "attaching"), list(id = NULL, level = "info", message = "attaching"))
  text <- "two\nlines of \"100%s\" <\\> caf\u00e9 \u0001"
  expect_identical(
    log_record("id-1", "warn", text, quote(f("x"))),
    list(id = "id-1", level = "warn", message = text, call = "f(\"x\")")
  )
  expect_identical(
    log_record(NULL, "info", "timed", quote(library(x)), load = list(ms = 1.5, at = "app.R:1"))$load,
    list(ms = 1.5, at = "app.R:1")
  )
})

test_that("fields are JSON", {
  fields <- list(rows = 2L, share = 0.5, name = "a\nb", list = list(1L, "x"), row = data.frame(a = 1:2), none = NULL, na = NA)
  expect_identical(
    log_record("1", "info", "fitted", NULL, fields)$fields,
    list(
      rows = 2L, share = 0.5, name = "a\nb", list = list(1L, "x"), row = list(list(a = 1L), list(a = 2L)),
      none = NULL, na = NULL
    )
  )
})

test_that("records below the log level are neither sent nor evaluated", {
  io <- file_io(log_level = "warn")
  log <- runtime$log_to(io, "1")
  log("info", stop("evaluated"), stop("evaluated"), stop("evaluated"))
  log("warn", "a")
  log("fatal", "b")
  expect_identical(vapply(log_records(io), `[[`, "", "message"), c("a", "b"))
})

test_that("each record has a mark on standard output", {
  io <- file_io()
  log <- runtime$log_to(io, "1")
  for (i in 1:3) {
    log("info", "a")
  }
  expect_identical(readLines(io$out_path), paste0("TAG", 1:3))
  expect_match(readLines(io$err_path), paste0("^TAG", Sys.getpid(), " [123] [{]"))
})

test_that("a long record is sent in pieces of 4096 bytes", {
  io <- file_io()
  log <- runtime$log_to(io, "1")
  texts <- vapply(3950:4050, function(n) paste0(strrep("x", n), "\u20ac\u20ac\u20ac"), "")
  for (text in c(texts, strrep("x", 1e6))) {
    log("info", text)
  }
  got <- vapply(log_records(io), `[[`, "", "message")
  expect_true(identical(got, c(texts, strrep("x", 1e6)))) # shows no megabyte if it fails
  expect_length(readLines(io$out_path), length(texts) + 1L)
})

test_that("a child that R forked logs records, without marks", {
  skip_on_os("windows")
  io <- file_io()
  log <- runtime$log_to(io, "1")
  log("info", "parent")
  parallel::mccollect(parallel::mcparallel(log("error", "child", NULL, list(n = 1L))))
  log("info", "parent again")
  expect_identical(
    log_records(io)[[2L]],
    list(id = "1", level = "error", message = "child", fields = list(n = 1L))
  )
  expect_identical(readLines(io$out_path), c("TAG1", "TAG2"))
  expect_match(readLines(io$err_path)[[2L]], "^TAG[0-9]+ 0 ")
})

test_that("a finalizer's record follows the one that is being sent", {
  io <- file_io()
  log <- runtime$log_to(io, "1")
  io$log_busy <- TRUE # as while a record is being sent
  log("info", "second")
  io$log_busy <- FALSE
  log("info", "first")
  log("info", "third")
  expect_identical(vapply(log_records(io), `[[`, "", "message"), c("first", "second", "third"))
})

test_that("user code that closes all connections does not end the log", {
  io <- file_io()
  log <- runtime$log_to(io, "1")
  log("info", "a")
  close(io$out)
  close(io$err)
  other <- file(tempfile(), "wb") # has the number of one of them
  withr::defer(close(other))
  append_to_pipes(io)
  log("info", "b")
  expect_identical(vapply(log_records(io), `[[`, "", "message"), c("a", "b"))
})

test_that("a line is sent as it is", {
  io <- file_io(log_level = "fatal")
  runtime$log_to(io, "1")("info", NULL, line = "{\"a\": 1.50}")
  expect_match(readLines(io$err_path), "1 [{]\"id\":\"1\",\"line\":[{]\"a\": 1.50[}][}]$")
})

test_that("numbers in a record's fields are exact", {
  fields <- list(id = 1764097783123457, share = 0.25, n = NA, ok = TRUE, many = 1:2)
  got <- log_record("1", "info", "m", NULL, fields)$fields
  expect_identical(got, list(id = 1764097783123457, share = 0.25, n = NULL, ok = TRUE, many = list(1L, 2L)))
})
