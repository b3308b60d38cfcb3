local_edition(3)

test_that("records have their own fields as they came", {
  for (name in c("sqs-event", "sns-event", "kinesis-event", "s3-event", "dynamodb-event")) {
    came <- jsonlite::parse_json(event_json(name))$Records
    got <- records_of(name)
    expect_identical(lapply(got, function(record) record[names(record) != "data"]), came)
    expect_true(all(vapply(got, function(record) "data" %in% names(record), logical(1))))
  }
  expect_identical(records_of("sqs-event")[[1L]]$messageAttributes$Attribute3$binaryListValues, list("MA==", "MQ==", "MA=="))
})

test_that("the default, and the handler's own event, is the invocation's event as it came", {
  came <- records_of("dynamodb-event")
  for (simplify in c("true", "false")) {
    withr::local_envvar(LAMBDA_R_SIMPLIFY = simplify)
    event <- begin_invocation(event_json("dynamodb-event"))
    expect_identical(is.data.frame(event$Records), simplify == "true")
    expect_identical(runtime$event_records(), came)
    expect_identical(runtime$event_records(event), came)
  }
})

test_that("an event may be a list that is not simplified", {
  for (name in c("sqs-event", "msk-event", "s3-batch-job-event-2.0", "cloudwatch-logs-event")) {
    expect_identical(runtime$event_records(jsonlite::parse_json(event_json(name))), records_of(name))
  }
})

test_that("an event that has been simplified is refused", {
  for (name in c("sqs-event", "msk-event", "s3-batch-job-event-2.0")) {
    event <- jsonlite::parse_json(event_json(name), simplifyVector = TRUE)
    expect_error(runtime$event_records(event), "simplified, and its records are not as they came; pass its JSON text")
  }
})

test_that("an event nested in a message is passed as its text", {
  got <- runtime$event_records(sqs(event_json("s3-event")))[[1L]]
  expect_identical(runtime$event_records(got$body), records_of("s3-event"))
})

test_that("an event without records is refused, with the reason", {
  expect_error(runtime$event_records(), "event_records(): no invocation is running", fixed = TRUE)
  expect_error(runtime$event_records(list(a = 1)), "the event has no records: its source is direct", fixed = TRUE)
  expect_error(runtime$event_records(NULL), "its source is direct", fixed = TRUE)
  expect_error(runtime$event_records(event_json("apigw-request")), "its source is rest", fixed = TRUE)
  expect_error(runtime$event_records("{\"Records\":"), "the text is not JSON")
  begin_invocation("[1,2]")
  expect_error(runtime$event_records(), "its source is direct", fixed = TRUE)
  withr::local_envvar(LAMBDA_R_EVENT = "msk")
  begin_invocation("{\"records\":7}")
  expect_error(runtime$event_records(), "the event does not have a list of records, as those of msk do")
})

test_that("text is never opened", {
  path <- withr::local_tempfile()
  writeLines(event_json("sqs-event"), path)
  expect_error(runtime$event_records(path), "is not JSON")
  expect_error(runtime$event_records(paste0("file://", path)), "is not JSON")
  expect_identical(datas(runtime$event_records(sqs(path))), list(path))
})

test_that("a message is JSON if it is an object or an array, else text", {
  got <- datas(runtime$event_records(sqs(
    "{\"a\":[1,2]}", " \n[1,2]", "1", "\"a\"", "null", "", "[ERROR] no", "{\"a\":", "{\"a\":\"\\u0000\"}", "100%s"
  )))
  expect_identical(got[1:2], list(list(a = 1:2), 1:2))
  expect_identical(
    got[-(1:2)],
    list("1", "\"a\"", "null", "", "[ERROR] no", "{\"a\":", "{\"a\":\"\\u0000\"}", "100%s")
  )
  expect_identical(datas(records_of("sns-event")), list("Hello from SNS!"))
})

test_that("endless nesting is text", {
  deep <- strrep("[", 100000L)
  expect_identical(datas(runtime$event_records(sqs(deep))), list(deep))
})

test_that("payloads are simplified as events are", {
  withr::local_envvar(LAMBDA_R_SIMPLIFY = "false")
  expect_identical(datas(runtime$event_records(sqs("[1,2]"))), list(list(1L, 2L)))
})

test_that("a missing message has no data", {
  got <- runtime$event_records("{\"Records\":[{\"eventSource\":\"aws:sqs\"},{\"body\":null}]}")
  expect_identical(got, list(
    list(eventSource = "aws:sqs", data = NULL),
    list(body = NULL, data = NULL)
  ))
})

test_that("kinesis has JSON, text or bytes", {
  bytes <- as.raw(c(0L, 255L, 1L))
  base64 <- function(x) runtime$base64_text(if (is.raw(x)) x else charToRaw(x))
  got <- datas(runtime$event_records(kinesis(base64("{\"a\":1}"), base64("na\u00efve"), base64(bytes), "", base64("12"))))
  expect_identical(got, list(list(a = 1L), "na\u00efve", bytes, "", "12"))
  expect_identical(datas(records_of("kinesis-event")), list("Hello World", "Hello World"))
})

test_that("data that is not base64 names its record", {
  for (bad in list("!!!!", "abc", "a===", "ab=c", "SGVs bG8=", "SGVsbG8", 7L, list("QQ=="))) {
    expect_error(
      runtime$event_records(kinesis("QQ==", bad)),
      "event_records(): record 2: kinesis$data is not base64",
      fixed = TRUE
    )
  }
})

test_that("a record that is not an object is an error that names it", {
  for (bad in c("1", "null", "\"x\"", "[1]", "[]")) {
    text <- paste0("{\"Records\":[{\"eventSource\":\"aws:sqs\"},", bad, "]}")
    expect_error(runtime$event_records(text), "record 2: it is not a JSON object")
  }
  # Text in an object's place counts as missing.
  text <- "{\"Records\":[{\"eventSource\":\"aws:s3\",\"s3\":\"x\"}]}"
  expect_identical(datas(runtime$event_records(text)), list(list(bucket = NULL, key = NULL, size = NULL, version = NULL)))
})

test_that("Amazon MQ, SES and CodeCommit have their payloads", {
  expect_identical(datas(records_of("activemq-event")), list(list(order = 1L), as.raw(c(0, 255))))
  mail <- records_of("ses-event")[[1L]]$data
  expect_identical(mail$mail$commonHeaders$from, list("Ada <ada@example.com>"))
  expect_identical(mail$receipt$spamVerdict$status, "PASS")
  push <- records_of("codecommit-event")[[1L]]
  expect_identical(push$data$references[[1L]]$ref, "refs/heads/main")
  expect_identical(push$customData, "nightly")
})
