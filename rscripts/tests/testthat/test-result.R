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

test_that("no kind of result is sent with text that is not UTF-8", {
  keep_settings()
  bad <- "caf\xe9"
  Encoding(bad) <- "UTF-8"
  direct <- list(source = "direct")
  http <- list(source = "http", request = list(source = "http", headers = list(accept = "text/csv"), multi_value = FALSE))
  fails <- function(value, event, ...) {
    force(value)
    expect_failure_type(runtime$encode_answer(value, event), "Runtime.MarshalError", ..., "not valid UTF-8")
  }
  json <- structure(paste0("\"", bad, "\""), class = "json")
  for (value in list(bad, list(a = bad), c("x", bad), data.frame(a = bad), json, list(a = json), factor(bad))) {
    fails(value, direct, "result")
  }
  for (value in list(bad, list(a = bad), json, structure(bad, class = "html"), list(statusCode = 200L, body = bad))) {
    fails(value, http, "result")
  }
  fails(data.frame(name = c("x", bad)), http, "the column \"name\"")
  for (event in list(direct, http)) {
    fails(runtime$html_response(bad), event, "result$body")
    fails(structure(paste0("{\"body\":\"", bad, "\"}"), already_serialised = TRUE), event, "the result")
  }
  expect_error(runtime$html_response("", headers = list(x = bad)), "must be valid UTF-8: \"x\"")
  expect_error(runtime$html_response("", cookies = bad), "must be valid UTF-8: \"Set-Cookie\"")
  fails(list(statusCode = 200L, headers = list(x = "y"), body = list(bad)), http, "result$body")
  runtime$lambda_config(serialiser = function(value) bad)
  fails(1, direct, "the text of lambda_config()'s serialiser")
  fails(1, http, "the text of lambda_config()'s serialiser")
  runtime$settings$lambdr_serialiser <- function(value) bad
  fails(1, direct, "the text of lambda_config()'s serialiser")
})

test_that("bytes of a file that are not UTF-8 are sent in base64", {
  path <- withr::local_tempfile(fileext = ".txt")
  writeBin(as.raw(c(0x63, 0xe9)), path)
  sent <- runtime$proxy_result(runtime$file_response(path), list(source = "http"))
  expect_identical(sent[c("body", "isBase64Encoded")], list(body = "Y+k=", isBase64Encoded = TRUE))
})
