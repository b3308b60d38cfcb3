local_edition(3)

function_variables <- c(
  "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"
)

test_that("the context has the frame's fields and the function's", {
  withr::local_envvar(structure(c("fn", "7", "512", "group", "stream"), names = function_variables))
  context <- runtime$new_context(list(
    id = "id-1", invoked_function_arn = "arn:1", deadline_ms = runtime$now_ms() + 5000, trace_id = "Root=1",
    client_context = "{\"client\":{\"title\":\"app\"}}", identity = "{\"pool\":[1,2]}", tenant_id = "t"
  ))
  expect_s3_class(context, "lambda_context")
  expect_identical(context$aws_request_id, "id-1")
  expect_identical(context$invoked_function_arn, "arn:1")
  expect_identical(context$function_name, "fn")
  expect_identical(context$function_version, "7")
  expect_identical(context$memory_limit_in_mb, 512L)
  expect_identical(context$log_group_name, "group")
  expect_identical(context$log_stream_name, "stream")
  expect_identical(context$trace_id, "Root=1")
  expect_identical(context$client_context, list(client = list(title = "app")))
  expect_identical(context$identity, list(pool = 1:2))
  expect_identical(context$tenant_id, "t")
  left <- context$remaining_ms()
  expect_true(left > 4000 && left <= 5000)
})

test_that("every field of an invoke frame reaches the context", {
  vectors <- jsonlite::read_json("../../../protocol/testdata/frames.json")
  frame <- Find(function(vector) vector$name == "invoke with every field", vectors)$message
  # The functions in a context are never identical.
  values <- function(frame) Filter(Negate(is.function), unclass(runtime$new_context(frame)))
  for (field in setdiff(names(frame), c("type", "env", "durable", "decoded"))) {
    expect_false(identical(values(frame[names(frame) != field]), values(frame)), info = field)
  }
})

test_that("fields that Lambda did not send are NULL", {
  withr::local_envvar(structure(rep(NA, 5L), names = function_variables))
  context <- runtime$new_context(list(id = "id-1"))
  expect_identical(context$aws_request_id, "id-1")
  given <- Filter(Negate(is.null), unclass(context))
  expect_setequal(names(given), c("aws_request_id", "remaining_ms"))
  expect_identical(context$remaining_ms(), Inf)
})

test_that("on HTTP sources the context has the request, but not its body", {
  request <- list(method = "GET", path = "/a", headers = list(a = "b"), body = "secret", source_ip = "192.0.2.7")
  http <- runtime$new_context(list(id = "id-1"), request)$http
  expect_identical(http$method, "GET")
  expect_identical(http$headers, list(a = "b"))
  expect_identical(http$source_ip, "192.0.2.7")
  expect_null(http$body)
})

test_that("context_of() is lambdr's context where scripts want it", {
  keep_settings()
  invocation <- list(frame = list(id = "id-1"))
  expect_s3_class(runtime$context_of(invocation), "lambda_context")
  runtime$settings$lambdr_compat <- TRUE
  expect_identical(runtime$context_of(invocation), runtime$lambdr_context(invocation$frame))
})

test_that("set_trace_id() sets the trace, and removes that of the invocation before", {
  withr::local_envvar("_X_AMZN_TRACE_ID" = NA)
  runtime$set_trace_id("Root=1")
  expect_identical(Sys.getenv("_X_AMZN_TRACE_ID"), "Root=1")
  runtime$set_trace_id(NULL)
  expect_identical(Sys.getenv("_X_AMZN_TRACE_ID", NA), NA_character_)
})

test_that("the character \\u0000 in client context or identity is refused", {
  for (field in c("client_context", "identity")) {
    frame <- structure(list("id", "{\"a\":[\"x\\u0000y\"]}"), names = c("id", field))
    expect_failure_type(runtime$new_context(frame), "Runtime.UnmarshalError", sub("_", " ", field), "the character \\u0000")
    frame[[2L]] <- "{\"a\":\"\\\\u0000\"}" # a backslash and u0000
    expect_identical(runtime$new_context(frame)[[field]], list(a = "\\u0000"))
  }
})
