local_edition(3)

test_that("attribute values become R values", {
  got <- records_of("dynamodb-event")[[2L]]$data
  expect_identical(got$keys, list(val = "data", key = "binary"))
  expect_null(got$old)
  bytes <- as.raw(c(0L, 1L, 0x2a, 0x41))
  new <- got$new
  expect_identical(new$Binary, bytes)
  expect_identical(new$BinarySet, list(bytes, bytes))
  expect_identical(new$Boolean, TRUE)
  expect_identical(new$List, list("Cookies", "Coffee", 3.14159))
  expect_identical(new$Map, list(Name = "Joe", Age = 35))
  expect_identical(new$FloatNumber, 123.45)
  expect_identical(new$NumberSet, c(1234, 567.8))
  expect_identical(new["Null"], list(Null = NULL))
  expect_identical(new$StringSet, c("Giraffe", "Zebra"))
  expect_identical(new$EmptyStringSet, character())
})

test_that("images that the stream omits are NULL", {
  got <- datas(records_of("dynamodb-changes-event"))
  expect_identical(got[[1L]]$old, list(id = "A1", count = 0))
  expect_identical(got[[2L]], list(keys = list(id = "A1"), new = NULL, old = list(id = "A1")))
  expect_identical(
    got[[1L]]$new$deep,
    list(
      list = list(list(flag = FALSE, gone = NULL, bytes = as.raw(c(0L, 1L, 255L))), list()),
      nothing = structure(list(), names = character())
    )
  )
})

test_that("a number with more digits than R keeps stays text", {
  new <- records_of("dynamodb-changes-event")[[1L]]$data$new
  expect_identical(new$count, -1250)
  expect_identical(new$big, "12345678901234567890")
  expect_identical(new$round, 1e21)
  expect_identical(new$ids, c("1", "12345678901234567890"))
  expect_identical(runtime$dynamodb_numbers("0.000123456789012345"), 0.000123456789012345)
  expect_identical(runtime$dynamodb_numbers("1234567890.123456"), "1234567890.123456")
})

test_that("attributes that DynamoDB does not send are refused", {
  for (bad in c(
    "\"x\"", "null", "{}", "[\"x\"]", "{\"S\":\"a\",\"N\":\"1\"}", "{\"N\":\"0x10\"}", "{\"N\":\"NaN\"}", "{\"N\":null}", "{\"B\":\"!\"}",
    "{\"X\":1}", "{\"L\":[1]}", "{\"M\":{\"a\":1}}", "{\"M\":\"x\"}", "{\"NS\":[\"a\"]}", "{\"BS\":[1]}"
  )) {
    text <- paste0("{\"Records\":[{\"eventSource\":\"aws:dynamodb\",\"dynamodb\":{\"NewImage\":{\"a\":", bad, "}}}]}")
    expect_error(runtime$event_records(text), "event_records(): record 1: a", fixed = TRUE)
  }
})
