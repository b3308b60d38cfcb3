local_edition(3)

# What each file of events/ is.
sources <- c(
  "alb-lambda-target-request-headers-only" = "alb", "alb-multi-value-headers" = "alb",
  "apigw-request" = "rest", "apigw-v2-request-no-authorizer" = "http", "lambda-urls-request" = "url",
  "apigw-websocket-request" = "websocket", "apigw-websocket-message" = "websocket",
  "cloudwatch-logs-event" = "logs", "cloudwatch-logs-control-event" = "logs",
  "codebuild-state-change" = "eventbridge", "scheduled-event" = "eventbridge",
  "dynamodb-event" = "dynamodb", "dynamodb-changes-event" = "dynamodb", "kinesis-event" = "kinesis",
  "msk-event" = "msk", "self-managed-kafka-event" = "msk",
  "s3-event" = "s3", "s3-batch-job-event-request-1.0" = "s3-batch", "s3-batch-job-event-2.0" = "s3-batch",
  "sns-event" = "sns", "sqs-event" = "sqs", "sqs-fifo-event" = "sqs", "sqs-orders-event" = "sqs"
)

source_of <- function(text, simplify) runtime$event_source(runtime$decode_text(text, simplify)$value)

expect_source <- function(text, source) {
  expect_identical(source_of(text, TRUE), source)
  expect_identical(source_of(text, FALSE), source)
}

test_that("every event's source is told, simplified or not", {
  expect_setequal(names(sources), sub("[.]json$", "", list.files(events_dir, "[.]json$")))
  for (name in names(sources)) {
    expect_source(event_json(name), sources[[name]])
  }
})

test_that("a direct event is direct, whatever it has in it", {
  for (text in c(
    "1", "null", "\"aws:sqs\"", "[]", "{}", "[{\"eventSource\":\"aws:sqs\"}]",
    "{\"body\":\"{\\\"Records\\\":[{\\\"eventSource\\\":\\\"aws:sqs\\\"}]}\"}",
    "{\"text\":\"requestContext elb aws:sns httpMethod\"}",
    "{\"data\":{\"requestContext\":{\"elb\":{}}}}",
    "{\"requestContext\":\"elb\"}", "{\"requestContext\":{}}", "{\"requestContext\":[1,2]}", "{\"requestContext\":{\"elb\":1}}",
    "{\"requestContext\":{\"http\":{}}}", "{\"requestContext\":{\"connectionId\":7}}", "{\"requestContext\":{},\"httpMethod\":\"GET\"}",
    "{\"requestContext\":{},\"httpMethod\":[\"GET\",\"PUT\"],\"path\":\"/\"}",
    "{\"Records\":[]}", "{\"Records\":{}}", "{\"Records\":null}", "{\"Records\":\"aws:sqs\"}", "{\"Records\":[\"aws:sqs\"]}",
    "{\"Records\":[null]}", "{\"Records\":[{\"eventSource\":\"aws:unknown\"}]}", "{\"Records\":[{\"eventSource\":null}]}",
    "{\"Records\":[{\"eventSource\":1}]}", "{\"Records\":[{\"eventSource\":[\"aws:sqs\",\"aws:s3\"]}]}", "{\"Records\":[[\"aws:sqs\"]]}",
    "{\"records\":{}}", "{\"records\":[],\"eventSource\":\"aws:other\"}", "{\"records\":\"x\",\"eventSource\":\"aws:kafka\"}",
    "{\"awslogs\":\"H4sI\"}", "{\"awslogs\":{}}", "{\"awslogs\":{\"data\":1}}",
    "{\"detail-type\":\"x\",\"source\":\"y\"}", "{\"detail-type\":1,\"source\":\"y\",\"detail\":{}}", "{\"detail\":{},\"source\":\"y\"}",
    "{\"tasks\":[],\"job\":{}}", "{\"invocationSchemaVersion\":\"1.0\",\"tasks\":[],\"job\":\"x\"}"
  )) {
    expect_source(text, "direct")
  }
})

test_that("a request is one, whatever is in its body", {
  expect_source("{\"Records\":[{\"eventSource\":\"aws:sqs\"}],\"requestContext\":{\"elb\":{\"a\":1}}}", "alb")
})

test_that("LAMBDA_R_EVENT wins over the structure", {
  withr::local_envvar(LAMBDA_R_EVENT = "direct")
  runtime$check_event_setting()
  for (name in names(sources)) {
    expect_source(event_json(name), "direct")
  }
  withr::local_envvar(LAMBDA_R_EVENT = "sqs")
  expect_source("{}", "sqs")
  for (setting in c("auto", "")) {
    withr::local_envvar(LAMBDA_R_EVENT = setting)
    runtime$check_event_setting()
    expect_source(event_json("sns-event"), "sns")
  }
})

test_that("a LAMBDA_R_EVENT that names no source is refused", {
  withr::local_envvar(LAMBDA_R_EVENT = "SQS")
  expect_failure_type(
    runtime$check_event_setting(),
    "Runtime.InvalidConfiguration", "LAMBDA_R_EVENT is \"SQS\"", "auto", "s3-batch", "direct"
  )
})

test_that("LAMBDA_R_EVENT does not say what an event within the event is", {
  withr::local_envvar(LAMBDA_R_EVENT = "sqs")
  begin_invocation(event_json("sqs-event"))
  expect_identical(runtime$event_records(event_json("s3-event"))[[1L]]$data$key, "Happy Face.jpg")
})
