local_edition(3)

metric <- function(name, value, unit = "None", ..., dimensions = NULL, namespace = NULL) {
  jsonlite::parse_json(runtime$metric_json(name, value, unit, list(...), dimensions, namespace))
}

test_that("a metric is a line in the embedded metric format", {
  withr::local_envvar(AWS_LAMBDA_FUNCTION_NAME = "parity")
  got <- metric("Rows", 1764097783123, "Count", model = "gbm", parts = list(1L, "x"))
  expect_equal(got$`_aws`$Timestamp, runtime$now_ms(), tolerance = 1e-6)
  expect_identical(got$`_aws`$CloudWatchMetrics, list(list(
    Namespace = "parity", Dimensions = list(list("FunctionName")), Metrics = list(list(Name = "Rows", Unit = "Count"))
  )))
  expect_identical(got[-1L], list(FunctionName = "parity", Rows = 1764097783123, model = "gbm", parts = list(1L, "x")))
})

test_that("dimensions, a namespace and several values can be given", {
  withr::local_envvar(AWS_LAMBDA_FUNCTION_NAME = "parity")
  got <- metric("Time", c(1.5, 2, 3), "Milliseconds", dimensions = c(Model = "gbm"), namespace = "Mine")
  directive <- got$`_aws`$CloudWatchMetrics[[1L]]
  expect_identical(directive$Namespace, "Mine")
  expect_identical(directive$Dimensions, list(list("FunctionName", "Model")))
  expect_equal(got[c("Time", "Model")], list(Time = list(1.5, 2, 3), Model = "gbm"))
})

test_that("what CloudWatch would ignore is an error", {
  expect_error(metric("", 1), "name must be one string")
  for (value in list("1", NA_real_, Inf, numeric(), 1:101)) {
    expect_error(metric("a", value), "value must be a finite number")
  }
  expect_error(metric("a", 1, "Rows"), "unit must be one of None, Count, ")
  expect_error(metric("a", 1, "Count", 2), "fields must have names")
  expect_error(metric("a", 1, dimensions = "x"), "dimensions must have names")
  expect_error(metric("a", 1, a = 2), "different names")
  expect_error(metric("a", 1, `_aws` = list()), "different names")
  expect_error(metric("a", 1, namespace = ""), "namespace must be one string")
})

test_that("log_metric() sends the line, whatever the log level", {
  io <- file_io(log_level = "fatal")
  runtime$current$log <- runtime$log_to(io, "1")
  withr::defer(runtime$current$log <- NULL)
  expect_invisible(runtime$log_metric("Rows", 3L, "Count"))
  expect_identical(log_records(io)[[1L]]$line$Rows, 3L)
})
