local_edition(3)

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

test_that("a serialiser makes the body", {
  keep_settings()
  runtime$lambda_config(serialiser = function(value) paste0("<", value$a, ">"))
  expect_identical(responds(list(a = 1))$body, "<1>")
  runtime$lambda_config(serialiser = function(value) 5)
  expect_error(responds(list(a = 1)), "returned no string, but numeric")
})
