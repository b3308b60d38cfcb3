local_edition(3)

# rook() returns the Rook request of an event, and its body's reader.
rook <- function(name, ..., env = parent.frame()) {
  event <- modifyList(jsonlite::parse_json(event_json(name)), list(...))
  text <- jsonlite::toJSON(event, auto_unbox = TRUE, null = "null")
  read <- read_event(text)
  runtime$current$invocation <- list2env(list(frame = list(id = "id-1")))
  input <- runtime$rook_input(runtime$request_bytes(read$request))
  withr::defer(
    {
      runtime$current$invocation <- NULL
      input$close()
    },
    envir = env
  )
  runtime$rook_request(read, input)
}

test_that("a request has httpuv's variables", {
  req <- rook("lambda-urls-request", body = "caf\u00e9", isBase64Encoded = FALSE)
  expect_identical(req$REQUEST_METHOD, "POST")
  expect_identical(req$PATH_INFO, "/my/path")
  expect_identical(req$SCRIPT_NAME, "")
  expect_identical(req$QUERY_STRING, "?parameter1=value1&parameter1=value2&parameter2=value")
  expect_identical(req$CONTENT_LENGTH, "5")
  expect_identical(req$HTTP_HEADER1, "value1")
  expect_identical(req$HTTP_COOKIE, "cookie1; cookie2")
  expect_identical(req$HEADERS[["header1"]], "value1")
  expect_identical(req$rook.url_scheme, "https")
  expect_identical(req$SERVER_PORT, "443")
  expect_identical(rawToChar(req$rook.input$read()), "caf\xc3\xa9")
  expect_identical(req$lambda_context$aws_request_id, "id-1")
  expect_identical(req$lambda_event$rawPath, "/my/path")
  expect_identical(environmentName(parent.env(req)), "R_EmptyEnv")
})

test_that("a query that did not come raw is encoded again", {
  req <- rook("apigw-request", multiValueQueryStringParameters = list(q = I(c("a b", "c&d")), "k=" = I("\u00e9")))
  expect_match(req$QUERY_STRING, "q=a%20b&q=c%26d&k%3D=%C3%A9", fixed = TRUE)
  expect_identical(rook("apigw-websocket-message")$QUERY_STRING, "")
})

test_that("a header with a name that R refuses is not a variable", {
  headers <- setNames(list("x"), strrep("n", 10001L))
  req <- rook("lambda-urls-request", headers = headers)
  expect_false(any(nchar(ls(req)) > 10000L))
})

test_that("the input is read in parts, by lines, and again", {
  input <- runtime$rook_input(charToRaw("one\ntwo\n\u00e9"))
  withr::defer(input$close())
  expect_identical(input$length, 10L)
  expect_identical(rawToChar(input$read(3L)), "one")
  input$rewind()
  expect_identical(input$read_lines(), c("one", "two", "\u00e9"))
  expect_length(input$read(), 0L)
})

test_that("a body is bytes, whatever it came as", {
  bytes <- function(body, base64 = FALSE) runtime$request_bytes(list(body = body, is_base64 = base64))
  expect_identical(bytes(NULL), raw())
  expect_identical(bytes("\u00e9"), as.raw(c(0xc3, 0xa9)))
  expect_identical(bytes("AAEC", TRUE), as.raw(0:2))
  expect_identical(bytes(list(a = 1L)), charToRaw("{\"a\":1}"))
})

test_that("a Rook response becomes the runtime's", {
  got <- runtime$rook_response(list(
    status = 201L,
    headers = list("Content-Type" = "text/x", "content-type" = "text/y", "X-A" = "1", "x-a" = "2", "Set-Cookie" = "a=1", "set-cookie" = "b=2", "Content-Length" = 7),
    body = c("one", "two")
  ))
  expect_identical(got$status, 201L)
  expect_identical(got$headers, list("Content-Type" = "text/y", "X-A" = c("1", "2")))
  expect_identical(got$cookies, c("a=1", "b=2"))
  expect_identical(got$body, "one\ntwo")
})

test_that("a file is sent only if the endpoint names it in a vector", {
  path <- withr::local_tempfile()
  writeBin(as.raw(0:3), path)
  expect_identical(runtime$rook_response(list(status = 200L, body = c(file = path)))$body, as.raw(0:3))
  listed <- runtime$rook_response(list(status = 200L, body = list(file = path)))
  expect_match(listed$body, "file")
  expect_identical(listed$headers[["Content-Type"]], "application/json")
})

test_that("text that is not UTF-8 is sent as bytes", {
  body <- "\xff"
  Encoding(body) <- "UTF-8"
  expect_identical(runtime$rook_response(list(status = 200L, body = body))$body, as.raw(0xff))
})

test_that("a compressed body is read decompressed, without the header that says otherwise", {
  req <- rook(
    "lambda-urls-request",
    headers = list("content-encoding" = "gzip", "content-type" = "text/plain; charset=latin1"),
    body = runtime$base64_text(gzip(as.raw(0xe9))), isBase64Encoded = TRUE
  )
  expect_false("HTTP_CONTENT_ENCODING" %in% ls(req))
  expect_identical(req$CONTENT_LENGTH, "1")
  expect_identical(req$rook.input$read(), as.raw(0xe9)) # in the charset of its content type
})
