local_edition(3)

test_that("a record is a message with its level, text and fields", {
  m <- expect_message(desk$lambda_log("warn", "100%s done", rows = 5L, by = "me"), class = "lambda_log")
  expect_identical(conditionMessage(m), "warn: 100%s done rows=5 by=\"me\"\n")
  expect_identical(m[c("level", "text", "fields")], list(level = "warn", text = "100%s done", fields = list(rows = 5L, by = "me")))
  expect_silent(suppressMessages(desk$lambda_log("info", "x")))
})

test_that("the level decides which records there are, but not which metrics", {
  withr::local_envvar(LOG_LEVEL = NA, AWS_LAMBDA_LOG_LEVEL = NA)
  expect_silent(desk$lambda_log("debug", stop("not evaluated")))
  withr::local_envvar(AWS_LAMBDA_LOG_LEVEL = "DEBUG")
  expect_message(desk$lambda_log("debug", "x"), "debug: x")
  withr::local_envvar(LOG_LEVEL = "error")
  expect_silent(desk$lambda_log("warn", "x"))
  expect_message(desk$log_metric("Orders", 2, "Count"), "\"Orders\":2")
  withr::local_envvar(LOG_LEVEL = "loud")
  expect_silent(desk$lambda_log("debug", "x"))
  expect_message(desk$lambda_log("info", "x"), "info: x")
})

test_that("arguments are checked as in the runtime", {
  expect_error(desk$lambda_log("loud", "x"), "level must be \"trace\"")
  expect_error(desk$lambda_log("info", "x", 1), "fields must have names")
  expect_error(desk$log_metric("Orders", NA), "finite")
})
