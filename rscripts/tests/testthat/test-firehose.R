local_edition(3)

# transform() returns the results of a batch handler for the sample event.
transform <- function(f, name = "firehose-event") {
  begin_invocation(event_json(name), runtime$batch_handler(f))
  event <- runtime$current$invocation$event
  json <- runtime$batch_handler(f)(event$value, NULL)
  jsonlite::parse_json(json)$records
}

data_of <- function(result) rawToChar(jsonlite::base64_dec(result$data))

test_that("records are transformed, dropped, or reported as failed, in their order", {
  got <- transform(function(record) {
    if (is.raw(record$data)) stop("binary")
    if (is.list(record$data)) paste0(record$data$page, "\n")
  })
  expect_identical(vapply(got, `[[`, "", "recordId"), c("1", "2", "3"))
  expect_identical(vapply(got, `[[`, "", "result"), c("Ok", "Dropped", "ProcessingFailed"))
  expect_identical(data_of(got[[1L]]), "/a\n")
  came <- jsonlite::parse_json(event_json("firehose-event"))$records
  expect_identical(lapply(got[2:3], `[[`, "data"), lapply(came[2:3], `[[`, "data"))
  expect_match(logged$records[[1L]]$message, "^record 3 failed: simpleError: binary")
})

test_that("a result is text, bytes or JSON", {
  one <- function(value) data_of(transform(function(record) value, "firehose-kinesis-event")[[1L]])
  expect_identical(one("caf\u00e9"), "caf\xc3\xa9")
  expect_identical(one(charToRaw("raw")), "raw")
  expect_identical(one(list(a = 1, b = "x")), "{\"a\":1,\"b\":\"x\"}")
  expect_identical(one(c(a = "x", b = "y")), "[\"x\",\"y\"]")
  expect_identical(one(data.frame(a = 1)), "[{\"a\":1}]")
  expect_identical(one(structure("{\"a\": 1}", class = "json")), "{\"a\": 1}")
  got <- transform(function(record) globalenv(), "firehose-kinesis-event")[[1L]]
  expect_identical(got$result, "ProcessingFailed")
})

test_that("a record has its payload", {
  expect_identical(datas(records_of("firehose-event")), list(list(page = "/a", ms = 12L), "plain text", as.raw(c(0, 255, 1))))
  expect_identical(datas(records_of("firehose-kinesis-event")), list(1:2))
})

test_that("a record without an id stops the batch", {
  text <- "{\"deliveryStreamArn\":\"arn\",\"records\":[{\"data\":\"YQ==\"}]}"
  handler <- runtime$batch_handler(function(record) NULL)
  event <- begin_invocation(text, handler)
  expect_failure_type(handler(event, NULL), "Runtime.InvalidArguments", "record 1 has no id")
})
