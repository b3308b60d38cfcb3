local_edition(3)

test_that("without LAMBDA_R_COMPAT arguments and numbers are the runtime's", {
  f <- loaded(c("f <- function(number) number / 3", "lambdr::start_lambda()"))
  expect_identical(f("{\"number\": 1}"), "0.333333333333333")
  expect_failure_type(f("{\"num\": 1}"), "Runtime.InvalidArguments", "num")
  expect_identical(body_of(f(rest(body = "{\"number\": 6}"))), "2")
  expect_identical(body_of(f(http(body = jsonlite::base64_enc("{\"number\": 6}"), isBase64Encoded = TRUE))), "2")
})

test_that("LAMBDA_R_COMPAT is checked", {
  withr::local_envvar(LAMBDA_R_COMPAT = "plumber")
  expect_failure_type(
    runtime$read_compat_setting(), "Runtime.InvalidConfiguration", "LAMBDA_R_COMPAT", "\"plumber\"", "must be lambdr"
  )
  for (setting in c("", "lambdr")) {
    compat(setting)
    expect_identical(runtime$settings$lambdr_compat, setting == "lambdr")
  }
})

test_that("with LAMBDA_R_COMPAT numbers have four digits and a number's NA is \"NA\"", {
  compat()
  f <- loaded("f <- function() list(pi = pi, na = NA_real_, text = NA_character_, n = 1L)")
  expect_identical(f("{}"), "{\"pi\":3.1416,\"na\":\"NA\",\"text\":null,\"n\":1}")
  expect_identical(body_of(f(rest())), "{\"pi\":3.1416,\"na\":\"NA\",\"text\":null,\"n\":1}")
  f <- loaded("f <- function() 'text'")
  expect_identical(body_of(f(rest())), "\"text\"")
  f <- loaded("f <- function() NULL")
  expect_identical(body_of(f(rest())), "")
  expect_identical(f("{}"), "null")
})

test_that("with LAMBDA_R_COMPAT R matches the arguments", {
  compat()
  f <- loaded("f <- function(number) number * 10")
  expect_identical(f("{\"num\": 5}"), "50")
  expect_error(f("{\"other\": 5}"), "unused argument")
  expect_error(f("{}"), "missing, with no default")
  expect_identical(f("5"), "50")
  f <- loaded("f <- function(event, x) list(event, x)")
  expect_identical(f("{\"x\": 1, \"event\": 2}"), "[2,1]")
  f <- loaded("f <- function(...) list(...)")
  expect_identical(f("{\"...\": 1, \"\": 2, \"..1\": 3, \"a b\": 4}"), "{\"...\":1,\"2\":2,\"..1\":3,\"a b\":4}")
})

test_that("with LAMBDA_R_COMPAT bodies and queries are what lambdr makes of them", {
  compat()
  f <- loaded("f <- function(...) list(...)")
  form <- list("content-type" = "application/x-www-form-urlencoded")
  expect_identical(body_of(f(rest(body = "{\"a\":1}", headers = form))), "{\"a\":1}")
  expect_identical(body_of(f(rest(queryStringParameters = list(q = "1,2"), pathParameters = list(id = "7")))), "{\"q\":\"1,2\"}")
  expect_identical(body_of(f(rest(body = "[1,2]"))), "[1,2]")
  expect_identical(body_of(f(rest(body = ""))), "[]")
  twice <- rest(
    queryStringParameters = list(q = "b"), multiValueQueryStringParameters = list(q = c("a", "b"))
  )
  expect_identical(body_of(f(twice)), "{\"q\":\"b\"}")
  split <- http(
    body = jsonlite::base64_enc("{\"a\":1}"), isBase64Encoded = TRUE,
    rawQueryString = "q=1&q=2", queryStringParameters = list(q = "1,2", r = "3", s = "")
  )
  expect_identical(body_of(f(split)), "{\"a\":1,\"q\":[\"1\",\"2\"],\"r\":\"3\",\"s\":[]}")
  for (body in c("a=1", "/etc/passwd", "https://127.0.0.1/")) {
    failed <- failure(f(rest(body = body)))
    expect_identical(failed$type, "Runtime.BadRequest")
    expect_match(failed$public, "^the body is not valid JSON")
  }
  bytes <- rest(body = "//79", isBase64Encoded = TRUE)
  expect_identical(failure(f(bytes))$public, "the body is not text")
})

test_that("with LAMBDA_R_COMPAT EventBridge gives its detail and SNS its message", {
  compat()
  f <- loaded("f <- function(...) list(...)")
  named <- structure(list(), names = character())
  expect_identical(f(eventbridge(list(kind = "backup", n = 1L))), "{\"kind\":\"backup\",\"n\":1}")
  expect_identical(f(eventbridge(named)), "[]")
  expect_identical(f(eventbridge(NULL)), "[]")
  for (simplify in c("true", "false")) {
    withr::local_envvar(LAMBDA_R_SIMPLIFY = simplify)
    expect_identical(f(sns("{\"state\":\"ALARM\"}")), "{\"state\":\"ALARM\"}")
    expect_identical(f(sns("just text")), "[\"just text\"]")
    expect_identical(f(sns("/etc/passwd")), "[\"/etc/passwd\"]")
  }
  none <- json(Records = list(list(EventSource = "aws:sns", Sns = "x")))
  expect_failure_type(f(none), "Runtime.InvalidArguments", "does not have one record")
})

test_that("with LAMBDA_R_COMPAT the context is a list of strings", {
  compat()
  withr::local_envvar(AWS_LAMBDA_FUNCTION_NAME = "fun", AWS_LAMBDA_FUNCTION_MEMORY_SIZE = "512")
  f <- loaded("f <- function(x, context) context")
  context <- jsonlite::parse_json(f("{\"x\": 1}"))
  expect_identical(names(context), c(
    "aws_request_id", "invoked_function_arn", "function_name", "function_version", "memory_limit_in_mb",
    "log_group_name", "log_stream_name"
  ))
  expect_identical(context$aws_request_id, "id-1")
  expect_identical(context$memory_limit_in_mb, "512")
})
