local_edition(3)

test_that("html_response() sets status, headers, cookies and body", {
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

test_that("headers that would add others are refused", {
  for (bad in c("a\r\nSet-Cookie: x", "a\nb", "a\rb", "a\x01b")) {
    expect_error(html_r("x", headers = list("X-One" = bad)), "control character: \"X-One\"")
    expect_error(html_r("x", cookies = bad), "Set-Cookie")
    expect_error(html_r("x", content_type = bad), "Content-Type")
    for (field in c("headers", "multiValueHeaders")) {
      value <- list(statusCode = 200L, body = "x")
      value[[field]] <- list("X-One" = list(bad))
      expect_error(responds(value), "X-One")
    }
    expect_error(responds(list(statusCode = 302L, cookies = list("a=1", bad))), "Set-Cookie")
  }
  expect_error(html_r("x", headers = list("X One" = "1")), "not header names: \"X One\"")
  expect_error(html_r("x", headers = list("1")), "headers must be a named list")
  expect_error(html_r("x", headers = list("X:\r\n" = "1")), "not header names")
})

test_that("a header that is NULL or NA is left out", {
  got <- responds(html_r("x", headers = list("X-A" = NULL, "X-B" = NA, "X-C" = c(NA, "c")), cookies = NA))
  expect_identical(got$headers, list("Content-Type" = "text/html; charset=utf-8", "X-C" = "c"))
  expect_null(got$cookies)
  expect_identical(responds(html_r("x", content_type = NULL))$headers, structure(list(), names = character()))
})

test_that("html_response() and stop_html() refuse what is not a status", {
  for (bad in list(99, 600, NA, "x", 1:2, NULL)) {
    expect_error(html_r("x", bad), "status_code")
    expect_error(runtime$stop_html("x", code = bad), "code must be a status")
  }
  expect_error(runtime$stop_html("x", code = 200L), "code must be a status")
})

test_that("file_response() sets the type, and refuses to leave its folder", {
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
  expect_error(runtime$file_response("static/../../secret"), "must not contain \"..\"")
  expect_error(runtime$file_response("static/none"), "there is no file \"static/none\" in ")
  expect_error(runtime$file_response("static"), "there is no file")
  expect_error(runtime$file_response(c("a", "b")), "path must be one string")
})

test_that("an html_error without a valid code is a plain 500", {
  for (code in list(NULL, 999L, 200L, NA, "x", 404:405, list(404L), quote(x))) {
    e <- structure(class = c("html_error", "error", "condition"), list(message = "x", call = NULL, code = code))
    failed <- runtime$with_conditions(function() stop(e), log = function(...) NULL)
    expect_identical(failed$type, "html_error")
    expect_null(attr(failed, "answer"))
  }
  expect_null(runtime$public_answer(structure("x", class = c("html_error", "error", "condition"))))
})
