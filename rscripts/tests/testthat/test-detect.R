local_edition(3)

# The source of each sample event, as the entries of `sources` say.
samples <- unlist(lapply(names(runtime$sources), function(name) {
  files <- runtime$sources[[name]]$samples
  setNames(rep(name, length(files)), files)
}))

source_of <- function(text, simplify) runtime$source_of(runtime$decode_text(text, simplify)$value)

expect_source <- function(text, source) {
  expect_identical(source_of(text, TRUE), source)
  expect_identical(source_of(text, FALSE), source)
}

test_that("the source of every sample event is detected, simplified or not", {
  for (name in names(samples)) {
    expect_source(event_json(name), samples[[name]])
  }
})

test_that("an event that only resembles one of a service is direct", {
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

test_that("a request is detected before records that it may contain", {
  expect_source("{\"Records\":[{\"eventSource\":\"aws:sqs\"}],\"requestContext\":{\"elb\":{\"a\":1}}}", "alb")
})

test_that("LAMBDA_R_EVENT wins over the structure", {
  withr::local_envvar(LAMBDA_R_EVENT = "direct")
  runtime$check_event_setting()
  for (name in names(samples)) {
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

test_that("a LAMBDA_R_EVENT that does not name a source is refused", {
  withr::local_envvar(LAMBDA_R_EVENT = "SQS")
  expect_failure_type(
    runtime$check_event_setting(),
    "Runtime.InvalidConfiguration", "LAMBDA_R_EVENT=\"SQS\": not a source", "auto", "s3-batch", "direct"
  )
})

test_that("LAMBDA_R_EVENT does not apply to a nested event", {
  withr::local_envvar(LAMBDA_R_EVENT = "sqs")
  begin_invocation(event_json("sqs-event"))
  expect_identical(runtime$event_records(event_json("s3-event"))[[1L]]$data$key, "Happy Face.jpg")
})
