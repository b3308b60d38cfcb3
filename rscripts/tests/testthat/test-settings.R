local_edition(3)

read <- function(text) read_event(text)

test_that("a deserialiser reads the whole event", {
  keep_settings()
  runtime$lambda_config(deserialiser = identity)
  expect_identical(read("{\"a\":1}")[c("value", "is_object")], list(value = "{\"a\":1}", is_object = FALSE))
  expect_identical(read("no JSON")$value, "no JSON")
  runtime$lambda_config(deserialiser = function(text) list(n = nchar(text)))
  expect_identical(read("{\"Records\":[{\"eventSource\":\"aws:sqs\"}]}")[c("value", "is_object", "source")],
    list(value = list(n = 39L), is_object = TRUE, source = "direct"))
})

test_that("on HTTP sources a deserialiser reads the body", {
  keep_settings()
  runtime$lambda_config(deserialiser = function(text) list(size = nchar(text)))
  event <- "{\"rawPath\":\"/\",\"requestContext\":{\"http\":{\"method\":\"POST\"}},\"body\":\"hello\"}"
  expect_identical(bind_arguments(event, function(size) NULL), list(size = 5L))
})

test_that("simplify = FALSE leaves lists", {
  keep_settings()
  runtime$lambda_config(simplify = FALSE)
  expect_identical(read("{\"a\":[1,2]}")$value, list(a = list(1L, 2L)))
  runtime$lambda_config(simplify = TRUE)
  expect_identical(read("{\"a\":[1,2]}")$value, list(a = 1:2))
})

test_that("integers = \"double\" makes doubles of all integers in events", {
  keep_settings()
  text <- "{\"w\":50000,\"m\":[[1,2],[3,4]],\"rows\":[{\"i\":1,\"s\":\"a\"},{\"i\":null,\"s\":\"b\"}],\"l\":[1,[2],null],\"t\":true}"
  expect_type(read(text)$value$w, "integer")
  runtime$lambda_config(integers = "double")
  value <- read(text)$value
  expect_identical(value$w * value$w, 2.5e9)
  expect_identical(value$m, matrix(c(1, 3, 2, 4), 2L))
  expect_identical(value$rows, data.frame(i = c(1, NA), s = c("a", "b")))
  expect_identical(value[c("l", "t")], list(l = list(1, 2, NULL), t = TRUE))
  expect_identical(read("7")$value, 7)
  runtime$lambda_config(simplify = FALSE)
  expect_identical(read("{\"a\":[1,{\"b\":2}]}")$value, list(a = list(1, list(b = 2))))
  runtime$lambda_config(integers = "integer")
  expect_identical(read("7")$value, 7L)
})

test_that("a serialiser writes the result, and JSON is never written twice", {
  keep_settings()
  runtime$lambda_config(serialiser = function(value) "{\"mine\":true}")
  direct <- list(source = "direct")
  expect_identical(runtime$encode_answer(1, direct), "{\"mine\":true}")
  expect_identical(runtime$encode_answer(structure("[1]", class = "json"), direct), "[1]")
  runtime$lambda_config(serialiser = identity)
  expect_identical(runtime$encode_answer("{\"a\":1}", direct), "{\"a\":1}")
  expect_failure_type(runtime$encode_answer(list(1), direct), "Runtime.MarshalError", "must return one string, not list")
})

test_that("invalid settings are refused", {
  expect_error(runtime$lambda_config(simplify = "no"), "simplify must be TRUE or FALSE")
  expect_error(runtime$lambda_config(decode_base64 = NA), "decode_base64 must be TRUE or FALSE")
  expect_error(runtime$lambda_config(keep_names = 1), "keep_names must be TRUE or FALSE")
  expect_error(runtime$lambda_config(integers = "big"), "integers must be \"integer\" or \"double\"")
  expect_error(runtime$lambda_config(serialiser = "toJSON"), "serialiser must be a function")
})

test_that("LAMBDA_R_SIMPLIFY is true or false", {
  for (setting in c("", "true", "FALSE")) {
    withr::local_envvar(LAMBDA_R_SIMPLIFY = setting)
    expect_no_error(runtime$check_simplify_setting())
  }
  withr::local_envvar(LAMBDA_R_SIMPLIFY = "no")
  expect_error(runtime$check_simplify_setting(), "LAMBDA_R_SIMPLIFY=\"no\": not true or false", class = "runtime_failure")
})
