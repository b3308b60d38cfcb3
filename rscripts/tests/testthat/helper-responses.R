# Responses for the tests of HTTP sources.

# responds() returns the response to an HTTP source, as the gateway reads it, if the handler returns
# `value`.
responds <- function(value, source = "url", accept = NULL, multi_value = FALSE) {
  request <- list(source = source, headers = list(accept = accept), multi_value = multi_value)
  jsonlite::parse_json(runtime$encode_response(value, request))
}

html_r <- function(...) runtime$html_response(...)

bytes_of <- function(response) {
  expect_true(response$isBase64Encoded)
  expect_no_match(response$body, "\n")
  jsonlite::base64_dec(response$body)
}
