local_edition(3)

test_that("what write() refuses is an error of its caller", {
  source_code(c("f <- function(write) {", "  write('a')", "  write(bad)", "}"))
  latin1_as_utf8 <- "caf\xe9"
  Encoding(latin1_as_utf8) <- "UTF-8"
  for (bad in list(1, TRUE, NULL, list("a"), NA_character_, factor("a"), latin1_as_utf8)) {
    assign("bad", bad, globalenv())
    got <- answer_stream(function() runtime$stream_response(get("f", globalenv())))
    expect_identical(types(got), c("chunk", "end"))
    expect_match(got[[2L]]$error$message, "^write\\(\\) (takes text or raw bytes, not |cannot write NA|takes text in valid UTF-8)")
    # The runtime's own calls are not in the stack.
    expect_identical(stack_text(got[[2L]]$error$stack), c("f(write)", "write(bad) (functions.R:3)"))
  }
})

test_that("stream_response() checks what it is given", {
  expect_error(runtime$stream_response("a"), "f must be a function of one argument, write, not character")
  expect_error(runtime$stream_response(function(write) 1, 99), "status_code must be a number from 100 to 599")
  expect_error(runtime$stream_response(function(write) 1, content_type = "a\r\nX: y"), "control character")
  expect_error(runtime$stream_response(function(write) 1, headers = list("A B" = "c")), "not header names")
  expect_error(runtime$stream_response(function(write) 1, cookies = "a\nb"), "control character")
})

test_that("a source that takes no streams gets a whole response", {
  event <- "{\"requestContext\":{\"elb\":{}},\"httpMethod\":\"GET\",\"path\":\"/\",\"headers\":{},\"queryStringParameters\":{}}"
  handler <- function() {
    stream_response(function(write) {
      write(c("a", "b"))
      write(charToRaw("\u00e9"))
    }, content_type = "text/csv")
  }
  environment(handler) <- list2env(list(stream_response = runtime$stream_response))
  frames <- answer_stream(handler, event)
  expect_identical(types(frames), "result")
  got <- jsonlite::parse_json(rawToChar(frames[[1L]]$payload))
  expect_identical(got[c("body", "isBase64Encoded")], list(body = "ab\u00e9", isBase64Encoded = FALSE))
  expect_identical(got$headers, list("Content-Type" = "text/csv"))
})
