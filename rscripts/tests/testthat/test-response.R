local_edition(3)

# responds() is what a handler that returns `value` answers to an HTTP source, as the
# gateway reads it.
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

test_that("values become responses by what they are", {
  expect_identical(responds(list(a = 1L, b = NULL)), list(
    statusCode = 200L, headers = list("Content-Type" = "application/json"),
    body = "{\"a\":1,\"b\":null}", isBase64Encoded = FALSE
  ))
  text <- responds("caf\u00e9")
  expect_identical(text$headers, list("Content-Type" = "text/plain; charset=utf-8"))
  expect_identical(text$body, "caf\u00e9")
  expect_identical(responds(c("a", "b"))$body, "[\"a\",\"b\"]")
  expect_identical(responds(NULL)$body, "null")
  expect_identical(responds(NA_character_)$body, "null")
  expect_identical(responds(I("a"))$body, "[\"a\"]")
  json <- responds(structure("{ }", class = "json"))
  expect_identical(json$body, "{ }")
  expect_identical(json$headers[["Content-Type"]], "application/json")
  glue <- structure("hi", class = c("glue", "character"))
  expect_identical(responds(glue)$headers[["Content-Type"]], "text/plain; charset=utf-8")
  page <- responds(structure("<p>hi</p>", html = TRUE, class = c("html", "character")))
  expect_identical(page$headers[["Content-Type"]], "text/html; charset=utf-8")
  expect_identical(page$body, "<p>hi</p>")
  raw <- responds(as.raw(0:3))
  expect_identical(raw$headers[["Content-Type"]], "application/octet-stream")
  expect_identical(bytes_of(raw), as.raw(0:3))
})

test_that("a list with statusCode goes as it is", {
  value <- list(statusCode = 201L, headers = list(Location = "/x"), body = "made", isBase64Encoded = FALSE)
  expect_identical(responds(value), value)
})

test_that("a data frame is rows, or CSV where that is asked for", {
  frame <- data.frame(x = c(1.5, NA), y = c("a,\"b\"", "\u00e9"))
  expect_identical(responds(frame)$body, "[{\"x\":1.5,\"y\":\"a,\\\"b\\\"\"},{\"x\":null,\"y\":\"\u00e9\"}]")
  for (accept in c("text/csv", "text/csv, */*", "application/json;q=0.5, text/csv", "TEXT/CSV;q=0.9")) {
    csv <- responds(frame, accept = accept)
    expect_identical(csv$headers[["Content-Type"]], "text/csv; charset=utf-8")
    expect_identical(csv$body, "\"x\",\"y\"\r\n1.5,\"a,\"\"b\"\"\"\r\n,\"\u00e9\"\r\n")
  }
  for (accept in c("*/*", "application/json", "application/json, text/csv", "text/csv;q=0", "text/csv;q=0.1, application/json")) {
    expect_identical(responds(frame, accept = accept)$headers[["Content-Type"]], "application/json")
  }
  withr::local_options(OutDec = ",", digits = 3L, scipen = -10L)
  expect_match(responds(data.frame(x = 123456.789), accept = "text/csv")$body, "123456.789|1.23456789e\\+05")
})

test_that("CSV is the same in any locale and time zone", {
  frame <- data.frame(
    text = c("\u00e9", NA), f = factor(c(NA, "\u65e5")), day = as.Date(c("2024-02-29", NA)), ok = c(TRUE, NA), i = c(NA, 2L),
    row.names = c("Z\u00fcrich", "b")
  )
  frame[["n\u00e4me"]] <- c(1e6, 1 / 3)
  frame$at <- as.POSIXct(c(0, NA), origin = "1970-01-01", tz = "Asia/Tokyo")
  frame$lt <- as.POSIXlt(frame$at)
  frame$m <- matrix(1:4, 2L, dimnames = list(NULL, c("a", "b")))
  frame$z <- matrix(0.5, 2L)
  frame$inner <- data.frame(x = c("a,b", "c"))
  want <- paste0(
    "\"_row\",\"text\",\"f\",\"day\",\"ok\",\"i\",\"n\u00e4me\",\"at\",\"lt\",\"m.a\",\"m.b\",\"z\",\"inner.x\"\r\n",
    "\"Z\u00fcrich\",\"\u00e9\",,2024-02-29,TRUE,,1000000,\"1970-01-01T00:00:00Z\",\"1970-01-01T00:00:00Z\",1,3,0.5,\"a,b\"\r\n",
    "\"b\",,\"\u65e5\",,,2,0.333333333333333,,,2,4,0.5,\"c\"\r\n"
  )
  expect_identical(responds(frame, accept = "text/csv")$body, want)
  withr::local_locale(LC_CTYPE = "C")
  withr::local_timezone("America/New_York")
  expect_identical(responds(frame, accept = "text/csv")$body, want)
  expect_identical(responds(frame[0L, "i", drop = FALSE], accept = "text/csv")$body, "\"i\"\r\n")
  expect_identical(responds(data.frame(a = 1)["1", , drop = FALSE], accept = "text/csv")$body, "\"a\"\r\n1\r\n")
})

test_that("a list column is no CSV", {
  frame <- data.frame(a = 1)
  frame$tags <- list(1:2)
  expect_failure_type(responds(frame, accept = "text/csv"), "Runtime.MarshalError", "the column \"tags\" is a list")
  expect_identical(responds(frame)$body, "[{\"a\":1,\"tags\":[1,2]}]")
})

test_that("a list with statusCode has objects for headers and arrays for what comes several times", {
  json <- function(...) runtime$encode_response(list(statusCode = 200L, ...), list(source = "url", headers = list()))
  expect_identical(json(headers = c("X-A" = "x", "X-B" = "y")), "{\"statusCode\":200,\"headers\":{\"X-A\":\"x\",\"X-B\":\"y\"}}")
  expect_identical(json(headers = list()), "{\"statusCode\":200,\"headers\":{}}")
  expect_identical(
    json(multiValueHeaders = list("X-A" = "x", "X-B" = c("y", "z")), cookies = "a=1"),
    "{\"statusCode\":200,\"multiValueHeaders\":{\"X-A\":[\"x\"],\"X-B\":[\"y\",\"z\"]},\"cookies\":[\"a=1\"]}"
  )
})

test_that("html_response() says everything", {
  response <- responds(html_r("<p>", 404L, headers = list("X-One" = "1", "X-Two" = c("a", "b")), cookies = c("a=1; HttpOnly", "b=2")))
  expect_identical(response$statusCode, 404L)
  expect_identical(response$headers, list("Content-Type" = "text/html; charset=utf-8", "X-One" = "1", "X-Two" = "a, b"))
  expect_identical(response$cookies, list("a=1; HttpOnly", "b=2"))
  expect_identical(response$body, "<p>")
  # one cookie is an array, too
  expect_identical(responds(html_r("x", cookies = "a=1"))$cookies, list("a=1"))
  expect_identical(responds(html_r("x", headers = list("content-type" = "text/css")))$headers, list("content-type" = "text/css"))
  empty <- responds(html_r(status_code = 204L))
  expect_identical(empty[c("statusCode", "body")], list(statusCode = 204L, body = ""))
  expect_identical(runtime$encode_result(runtime$proxy_result(html_r(), list(source = "url"))),
    "{\"statusCode\":200,\"headers\":{},\"body\":\"\",\"isBase64Encoded\":false}")
})

test_that("bodies are text or base64 by their content type", {
  expect_identical(responds(html_r(charToRaw("a,b"), content_type = "text/csv"))$body, "a,b")
  expect_identical(bytes_of(responds(html_r(charToRaw("a,b"), content_type = "image/png"))), charToRaw("a,b"))
  # what says that it is text and is not
  expect_identical(bytes_of(responds(html_r(as.raw(c(0xff, 0)), content_type = "text/plain"))), as.raw(c(0xff, 0)))
  encoded <- responds(html_r("AAEC", content_type = "image/png", is_base64 = TRUE))
  expect_identical(bytes_of(encoded), as.raw(0:2))
  expect_identical(responds(html_r(list(a = 1), content_type = "application/json"))$body, "{\"a\":1}")
  latin <- "\xe9"
  Encoding(latin) <- "latin1"
  expect_identical(responds(html_r(latin))$body, "\u00e9")
})

test_that("older sources get headers of several values in their own way", {
  value <- html_r("x", headers = list("X-Two" = c("a", "b")), cookies = c("a=1", "b=2"))
  rest <- responds(value, "rest")
  expect_identical(rest$headers, list("Content-Type" = "text/html; charset=utf-8"))
  expect_identical(rest$multiValueHeaders, list("X-Two" = list("a", "b"), "Set-Cookie" = list("a=1", "b=2")))
  expect_null(rest$cookies)
  alb <- responds(value, "alb", multi_value = TRUE)
  expect_identical(alb$multiValueHeaders[["Content-Type"]], list("text/html; charset=utf-8"))
  expect_null(alb$headers)
  begin_invocation("{}")
  single <- responds(value, "alb")
  expect_identical(single$headers[["Set-Cookie"]], "b=2")
  expect_identical(logged$records[[1L]]$level, "warn")
  expect_match(logged$records[[1L]]$message, "the last of 2 is sent")
  logged$records <- list()
  responds(html_r("x", cookies = "a=1"), "alb")
  expect_length(logged$records, 0L)
  expect_identical(single$headers[["X-Two"]], "a, b")
  expect_null(single$multiValueHeaders)
  one <- responds(html_r("x", cookies = "a=1"), "rest")
  expect_identical(one$headers[["Set-Cookie"]], "a=1")
})

test_that("headers that would write others are refused", {
  for (bad in c("a\r\nSet-Cookie: x", "a\nb", "a\rb", "a\x01b", NA)) {
    expect_error(html_r("x", headers = list("X-One" = bad)), "control character: \"X-One\"")
    expect_error(html_r("x", cookies = bad), "Set-Cookie")
    expect_error(html_r("x", content_type = bad), "Content-Type")
    if (!is.na(bad)) {
      for (field in c("headers", "multiValueHeaders")) {
        value <- list(statusCode = 200L, body = "x")
        value[[field]] <- list("X-One" = list(bad))
        expect_error(responds(value), "X-One")
      }
      expect_error(responds(list(statusCode = 302L, cookies = list("a=1", bad))), "cookies")
    }
  }
  expect_error(html_r("x", headers = list("X One" = "1")), "no names of headers: \"X One\"")
  expect_error(html_r("x", headers = list("1")), "headers are a named list")
  expect_error(html_r("x", headers = list("X:\r\n" = "1")), "no names of headers")
})

test_that("html_response() and stop_html() refuse a status that is none", {
  for (bad in list(99, 600, NA, "x", 1:2, NULL)) {
    expect_error(html_r("x", bad), "status_code")
    expect_error(runtime$stop_html("x", code = bad), "code is a status")
  }
  expect_error(runtime$stop_html("x", code = 200L), "code is a status")
})

test_that("file_response() knows types, and goes nowhere up", {
  in_user_dir()
  dir.create("static")
  writeLines("a,b", "static/data.csv")
  writeBin(as.raw(0:9), "static/logo.PNG")
  file.create("static/noext")
  csv <- responds(runtime$file_response("static/data.csv"))
  expect_identical(csv$headers[["Content-Type"]], "text/csv; charset=utf-8")
  expect_identical(csv$body, "a,b\n")
  png <- responds(runtime$file_response("static/logo.PNG"))
  expect_identical(png$headers[["Content-Type"]], "image/png")
  expect_identical(bytes_of(png), as.raw(0:9))
  expect_identical(responds(runtime$file_response("static/noext"))$headers[["Content-Type"]], "application/octet-stream")
  given <- responds(runtime$file_response("static/data.csv", "text/plain", list("Content-Disposition" = "attachment")))
  expect_identical(given$headers, list("Content-Type" = "text/plain", "Content-Disposition" = "attachment"))
  expect_error(runtime$file_response("static/../../secret"), "cannot go up")
  expect_error(runtime$file_response("static/none"), "there is no file \"static/none\" in ")
  expect_error(runtime$file_response("static"), "there is no file")
  expect_error(runtime$file_response(c("a", "b")), "path is one string")
})

test_that("a failure tells strangers nothing", {
  answer <- function(e) {
    failed <- runtime$with_conditions(function() stop(e), log = function(...) NULL)
    text <- runtime$failure_response(attr(failed, "answer"), list(source = "url", headers = list()), "id-1")
    jsonlite::parse_json(text)
  }
  got <- answer(simpleError("password is 123"))
  expect_identical(got$statusCode, 500L)
  expect_identical(got$body, "{\"message\":\"Internal server error\",\"requestId\":\"id-1\"}")
  expect_identical(got$headers, list("Content-Type" = "application/json", "x-amzn-ErrorType" = "InternalServerError"))

  got <- answer(tryCatch(runtime$stop_html("no ", "such city\r\nX: 1", code = 404L), error = identity))
  expect_identical(got$statusCode, 404L)
  expect_identical(got$body, "no such city\r\nX: 1")
  expect_identical(got$headers, list("Content-Type" = "text/plain; charset=utf-8", "x-amzn-ErrorType" = "html_error"))
})

test_that("an html_error that has no proper code is a 500 that says nothing", {
  for (code in list(NULL, 999L, 200L, NA, "x", 404:405, list(404L), quote(x))) {
    e <- structure(class = c("html_error", "error", "condition"), list(message = "x", call = NULL, code = code))
    failed <- runtime$with_conditions(function() stop(e), log = function(...) NULL)
    expect_identical(failed$type, "html_error")
    expect_null(attr(failed, "answer"))
  }
  expect_null(runtime$public_answer(structure("x", class = c("html_error", "error", "condition"))))
})

test_that("a serialiser makes the body", {
  keep_settings()
  runtime$lambda_config(serialiser = function(value) paste0("<", value$a, ">"))
  expect_identical(responds(list(a = 1))$body, "<1>")
  runtime$lambda_config(serialiser = function(value) 5)
  expect_error(responds(list(a = 1)), "returned no string, but numeric")
})
