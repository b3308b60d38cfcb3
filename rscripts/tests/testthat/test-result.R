local_edition(3)

test_that("encode_or_fail() names what cannot be encoded", {
  expect_identical(runtime$encode_or_fail(list(a = 1)), "{\"a\":1}")
  expect_failure_type(
    runtime$encode_or_fail(list(ok = 1, fit = list(2, globalenv()))),
    "Runtime.MarshalError", "result$fit[[2]]", "environment"
  )
})

test_that("encode_answer() makes of a result what its source takes", {
  direct <- list(source = "direct")
  expect_identical(runtime$encode_answer(list(a = 1), direct), "{\"a\":1}")
  response <- jsonlite::parse_json(runtime$encode_answer(runtime$html_response("<p>"), direct))
  expect_identical(response[c("statusCode", "body")], list(statusCode = 200L, body = "<p>"))
  http <- list(source = "http", request = list(source = "http", headers = list()))
  expect_identical(jsonlite::parse_json(runtime$encode_answer(list(a = 1), http))$body, "{\"a\":1}")
})
