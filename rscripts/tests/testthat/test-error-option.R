local_edition(3)

# local_api() attaches an empty user API, which holds quit() while the option runs.
local_api <- function(env = parent.frame()) {
  attach(list(), name = "lambda", pos = length(search()))
  withr::defer(detach("lambda", character.only = TRUE), envir = env)
}

# local_error_option() sets options(error = ). (withr would evaluate a call.)
local_error_option <- function(hook, env = parent.frame()) {
  old <- options(error = hook)
  withr::defer(options(old), envir = env)
}

# local_log() returns an environment whose `messages` are what the runtime logs itself.
local_log <- function(env = parent.frame()) {
  logged <- new.env()
  runtime$current$log <- function(level, message, ...) logged$messages <- c(logged$messages, paste(level, message))
  withr::defer(runtime$current$log <- NULL, envir = env)
  logged
}

test_that("options(error = ) runs for an error that nothing catches", {
  local_api()
  seen <- NULL
  fails <- function() stop("no")
  local_error_option(function() seen <<- c(seen, geterrmessage()))
  expect_report(fails(), "simpleError", "no")
  expect_identical(seen, "Error in fails() : no\n")
  expect_identical(run(tryCatch(fails(), error = function(e) "caught"))$value, "caught")
  expect_s3_class(run(try(fails(), silent = TRUE))$value, "try-error")
  expect_length(seen, 1L)
  expect_report(stop("no call", call. = FALSE), "simpleError", "no call")
  expect_identical(seen[[2L]], "Error: no call\n")
})

test_that("it sees the stack of the error", {
  local_api()
  calls <- NULL
  fails <- function() stop("no")
  local_error_option(function() calls <<- sys.calls())
  run(fails())
  expect_true(list(quote(fails())) %in% as.list(calls))
})

test_that("it can be a call, an expression, or a function of rlang", {
  local_api()
  local_error_option(quote(cat("one call\n")))
  expect_output(run(stop("no")), "^one call$")
  local_error_option(expression(cat("a\n"), cat("b\n")))
  expect_output(run(stop("no")), "^a\nb$")
  local_error_option(rlang::entrace)
  expect_output(expect_report(stop("no"), "simpleError", "no"), "Backtrace")
})

test_that("quit() in it ends only the evaluation of the option", {
  local_api()
  local_error_option(quote({
    cat("before\n")
    quit(status = 1)
    cat("after\n")
  }))
  expect_output(expect_report(stop("no"), "simpleError", "no"), "^before$")
  local_error_option(quote(q("no", 1)))
  expect_report(stop("no"), "simpleError", "no")
  expect_identical(environmentName(environment(get("quit", globalenv()))), "base")
})

test_that("an error in it is logged, and the first one is reported", {
  local_api()
  log <- local_log()
  local_error_option(function() stop("in the option"))
  expect_report(stop("no"), "simpleError", "no")
  expect_identical(log$messages, "warn options(error = ) failed: in the option")
})

test_that("it runs neither for stop_html() nor for the runtime's own failures", {
  local_api()
  local_error_option(quote(cat("runs\n")))
  expect_silent(run(runtime$stop_html("not here", code = 404L)))
  expect_silent(run(runtime$fail("Runtime.MarshalError", "no")))
})

test_that("it runs for errors in the handler's file and in records of a batch", {
  local_api()
  local_error_option(quote(cat("runs\n")))
  expect_output(failure(source_code("stop(\"at the top\")")), "^runs$")
  log <- local_log()
  expect_output(
    runtime$process_batch(jsonlite::fromJSON(event_json("sqs-event"), FALSE), function(record) stop("no")),
    "^(runs\n?)+$"
  )
  expect_match(log$messages, "^error record ")
})
