local_edition(3)

test_that("a data frame is rows, or CSV on request", {
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
  withr::local_options(OutDec = ",", digits = 3L, scipen = -9L)
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

test_that("a list column cannot be CSV", {
  frame <- data.frame(a = 1)
  frame$tags <- list(1:2)
  expect_failure_type(responds(frame, accept = "text/csv"), "Runtime.MarshalError", "the column \"tags\" is a list")
  expect_identical(responds(frame)$body, "[{\"a\":1,\"tags\":[1,2]}]")
})
