local_edition(3)

# logs() runs a durable handler and returns its log records.
logs <- function(f, ..., env = parent.frame()) {
  records <- list()
  withCallingHandlers(execute(f, ..., env = env), lambda_log = function(m) {
    records[[length(records) + 1L]] <<- list(text = m$text, fields = m$fields)
    invokeRestart("muffleMessage")
  })
  records
}

speaks <- function() {
  lambda_log("info", "begin")
  durable_step("s", lambda_log("info", "in step", rows = 5L))
  lambda_log("info", "before the wait")
  durable_wait(seconds = 1)
  lambda_log("info", "after the wait")
  durable_child("c", {
    lambda_log("info", "in child")
    durable_wait(seconds = 1)
    lambda_log("info", "child goes on")
  })
  lambda_log("info", "end")
}

test_that("a replay logs nothing that was logged", {
  texts <- vapply(logs(speaks), function(record) record$text, "")
  expect_identical(texts, c("begin", "in step", "before the wait", "after the wait", "in child", "child goes on", "end"))
})

test_that("messages and warnings of a replay end, too", {
  f <- function() {
    message("said")
    warning("warned")
    durable_wait(seconds = 1)
    durable_wait(seconds = 1)
  }
  warnings <- messages <- 0
  withCallingHandlers(
    execute(f),
    message = function(m) {
      messages <<- messages + 1
      invokeRestart("muffleMessage")
    },
    warning = function(w) {
      warnings <<- warnings + 1
      invokeRestart("muffleWarning")
    }
  )
  expect_identical(c(messages, warnings), c(1, 1))
})

test_that("log_replays = TRUE logs replays as well", {
  texts <- vapply(logs(speaks, log_replays = TRUE), function(record) record$text, "")
  expect_identical(sum(texts == "begin"), 3L)
  expect_identical(sum(texts == "in step"), 1L)
})

test_that("records name the execution, the step and its attempt", {
  f <- function() {
    lambda_log("info", "out")
    durable_step("s", {
      lambda_log("info", "in", rows = 5L)
      if (length(ran$log) < 1) {
        note("failed")
        stop("again")
      }
    })
  }
  records <- logs(f)
  noted()
  expect_identical(names(records[[1L]]$fields), "executionArn")
  expect_match(records[[1L]]$fields$executionArn, "/durable-execution/", fixed = TRUE)
  expect_identical(records[[2L]]$fields[-2L], list(rows = 5L, operationId = "1", operationName = "s", attempt = 1L))
  expect_identical(records[[3L]]$fields$attempt, 2L)
})

test_that("each attempt that fails is logged with its stack", {
  local_desk()
  inner <- function() stop("no database")
  flaky <- desk$durable(function() durable_step("load", inner(), retry = function(error, attempt) if (attempt < 2) 7))
  messages <- testthat::capture_messages(try(desk$invoke_handler(flaky), silent = TRUE))
  expect_match(messages[1L], "durable_step(\"load\"): attempt 1 failed, the next one in 7 s: no database\n", fixed = TRUE)
  expect_match(messages[1L], "\n  at stop(\"no database\") (test-durable-log.R", fixed = TRUE)
  expect_match(messages[1L], "operationName=\"load\" attempt=1", fixed = TRUE)
  expect_match(messages[2L], "durable_step(\"load\"): attempt 2 failed, the last: no database", fixed = TRUE)
  broken <- desk$durable(function() durable_until("poll", function(state) inner()))
  messages <- testthat::capture_messages(try(desk$invoke_handler(broken), silent = TRUE))
  expect_match(messages, "durable_until(\"poll\"): attempt 1 failed, the last: no database", fixed = TRUE)
})

test_that("outside of an execution a record is unchanged", {
  seen <- NULL
  log <- runtime$log_of_execution(function(level, message, call, fields, load, line) seen <<- list(level, message, fields))
  log("info", "text", NULL, list(a = 1))
  expect_identical(seen, list("info", "text", list(a = 1)))
})
