local_edition(3)

test_that("catch_stopped() returns the value, or what the error is handled as", {
  caught <- function(expr) desk$catch_stopped(expr, function(cond, stack) list(conditionMessage(cond), stack))
  expect_identical(caught(1), 1)
  expect_null(caught(NULL))
  expect_identical(caught(stop("no")), list("no", list()))
  expect_identical(caught(stop(custom("own", message = "any"))), list("any", list()))
  expect_identical(caught(tryCatch(stop("inner"), error = function(e) "theirs")), "theirs")
  expect_identical(caught(caught(stop("twice"))), list("twice", list()))
})

test_that("an error of user code keeps its class, and its handlers see its stack", {
  e <- tryCatch(desk$on_stopped(desk$call_user(quote(stop("no")), globalenv()), stop), error = identity)
  expect_identical(class(e), c("simpleError", "error", "condition"))
  frames <- NULL
  f <- function() stop("deep")
  try(withCallingHandlers(desk$call_user(quote(f()), environment()), error = function(e) frames <<- sys.calls()), silent = TRUE)
  expect_true(any(vapply(frames, identical, NA, quote(f()))))
})

test_that("nothing is provided, and tempdir() stays", {
  expect_null(desk$provide_packages("library(lambdr)"))
  expect_false(isNamespaceLoaded("lambdr"))
  before <- tempdir()
  desk$restore_temp_dir(NULL)
  expect_identical(tempdir(), before)
})

test_that("a stream is collected", {
  local_desk()
  count <- function(n = 2L) desk$stream_response(function(write) for (i in seq_len(n)) write(paste0(i, ";")))
  expect_identical(desk$invoke_handler(count), "1;2;")
  expect_identical(desk$invoke_handler(count, as = "json"), "1;2;")
  expect_identical(desk$invoke_handler(count, desk$sample_event("url", query = list(n = 3)))$statusCode, 200L)
  bytes <- function() desk$stream_response(function(write) write(as.raw(c(0, 255))))
  expect_identical(desk$invoke_handler(bytes), as.raw(c(0, 255)))
  for (source in c("url", "alb")) {
    answer <- desk$invoke_handler(bytes, desk$sample_event(source))
    expect_identical(answer$body, as.raw(c(0, 255)))
  }
  expect_error(desk$invoke_handler(function() desk$stream_response(function(write) write(1))), "write() takes text", fixed = TRUE)
})
