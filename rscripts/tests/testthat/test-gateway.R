local_edition(3)

test_that("a list with statusCode is sent as it is", {
  value <- list(statusCode = 201L, headers = list(Location = "/x"), body = "made", isBase64Encoded = FALSE)
  expect_identical(responds(value), value)
})

test_that("a list with statusCode has headers and cookies as its source expects them", {
  json <- function(...) runtime$encode_response(list(statusCode = 200L, ...), list(source = "url", headers = list()))
  expect_identical(json(headers = c("X-A" = "x", "X-B" = "y")), "{\"statusCode\":200,\"headers\":{\"X-A\":\"x\",\"X-B\":\"y\"}}")
  expect_identical(json(headers = list()), "{\"statusCode\":200,\"headers\":{}}")
  expect_identical(
    json(multiValueHeaders = list("X-A" = "x", "X-B" = c("y", "z")), cookies = "a=1"),
    "{\"statusCode\":200,\"headers\":{\"X-A\":\"x\",\"X-B\":\"y, z\"},\"cookies\":[\"a=1\"]}"
  )
  value <- list(
    statusCode = 200L, headers = list("X-A" = "x", "x-a" = "y", n = 1L), multiValueHeaders = list("X-A" = list("x", "z")),
    cookies = list("a=1", "b=2"), body = "b"
  )
  rest <- responds(value, "rest")
  expect_identical(rest$headers, list(n = "1"))
  expect_identical(rest$multiValueHeaders, list("X-A" = list("x", "y", "z"), "Set-Cookie" = list("a=1", "b=2")))
  expect_named(rest, c("statusCode", "headers", "multiValueHeaders", "body")) # a REST API refuses any other key
  alb <- responds(value, "alb", multi_value = TRUE)
  expect_identical(alb$multiValueHeaders$n, list("1"))
  expect_null(alb$headers)
})

# Two Set-Cookie headers and two values of another, in each way that R can say so.
repeated <- list(
  list("Set-Cookie" = "a=1", "Set-Cookie" = "b=2", "X-A" = "x", "X-A" = "y"),
  list("Set-Cookie" = c("a=1", "b=2"), "X-A" = c("x", "y")),
  list("Set-Cookie" = list("a=1", "b=2"), "X-A" = list("x", "y")),
  list("set-cookie" = "a=1", "SET-COOKIE" = "b=2", "X-A" = "x", "x-a" = "y"),
  c("Set-Cookie" = "a=1", "Set-Cookie" = "b=2", "X-A" = "x", "X-A" = "y"),
  list("Set-Cookie" = c("a=1", NA), "Set-Cookie" = "b=2", "X-A" = "x", "X-A" = "y", "X-B" = NULL, "X-C" = NA, "X-D" = character())
)

test_that("repeated headers reach every source in its own way, whatever made the response", {
  in_user_dir()
  writeLines("x", "x.txt")
  begin_invocation("{}")
  for (headers in repeated) {
    for (value in list(
      html_r("x", headers = headers), runtime$file_response("x.txt", headers = headers),
      runtime$png_response(grid::circleGrob(), headers = headers),
      runtime$stream_response(function(write) NULL, headers = headers)$response,
      list(statusCode = 200L, headers = headers, body = "x")
    )) {
      for (source in c("url", "http", "lattice")) {
        got <- responds(value, source)
        expect_identical(got$headers[["X-A"]], "x, y")
        expect_identical(got$cookies, list("a=1", "b=2"))
        expect_false(any(grepl("cookie|x-[bcd]", names(got$headers), ignore.case = TRUE)))
      }
      for (source in c("rest", "websocket")) {
        got <- responds(value, source)
        expect_identical(got$multiValueHeaders, list("X-A" = list("x", "y"), "Set-Cookie" = list("a=1", "b=2")))
        expect_false(any(c("X-A", "Set-Cookie") %in% names(got$headers)))
        expect_null(got$cookies)
      }
      alb <- responds(value, "alb", multi_value = TRUE)
      expect_identical(alb$multiValueHeaders[["Set-Cookie"]], list("a=1", "b=2"))
      expect_identical(alb$multiValueHeaders[["X-A"]], list("x", "y"))
      logged$records <- list()
      alb <- responds(value, "alb")
      expect_identical(alb$headers[["X-A"]], "x, y")
      expect_identical(alb$headers[["Set-Cookie"]], "b=2")
      expect_match(logged$records[[1L]]$message, "only the last of 2 is sent")
    }
  }
})

test_that("a content type counts in any case", {
  raw <- html_r(charToRaw("a"), headers = list("content-type" = "text/css"))
  expect_identical(responds(raw)$body, "a")
})

test_that("bodies are text or base64 by their content type", {
  expect_identical(responds(html_r(charToRaw("a,b"), content_type = "text/csv"))$body, "a,b")
  expect_identical(bytes_of(responds(html_r(charToRaw("a,b"), content_type = "image/png"))), charToRaw("a,b"))
  # claims to be text, and is not
  expect_identical(bytes_of(responds(html_r(as.raw(c(0xff, 0)), content_type = "text/plain"))), as.raw(c(0xff, 0)))
  encoded <- responds(html_r("AAEC", content_type = "image/png", is_base64 = TRUE))
  expect_identical(bytes_of(encoded), as.raw(0:2))
  expect_identical(responds(html_r(list(a = 1), content_type = "application/json"))$body, "{\"a\":1}")
  latin <- "\xe9"
  Encoding(latin) <- "latin1"
  expect_identical(responds(html_r(latin))$body, "\u00e9")
})

test_that("payload version 1.0 and load balancers get repeated headers in their own form", {
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

test_that("a failure reveals nothing to strangers", {
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
