local_edition(3)

records <- function(name) runtime$event_records(event_json(name))

datas <- function(records) lapply(records, `[[`, "data")

json <- function(...) as.character(jsonlite::toJSON(list(...), auto_unbox = TRUE, null = "null"))

# sqs() and kinesis() are events with these payloads; kinesis() takes base64.
sqs <- function(...) {
  json(Records = lapply(list(...), function(body) list(messageId = "m", eventSource = "aws:sqs", body = body)))
}

kinesis <- function(...) {
  json(Records = lapply(list(...), function(data) {
    list(eventSource = "aws:kinesis", kinesis = list(sequenceNumber = "7", data = data))
  }))
}

# logs() is an event of CloudWatch Logs with these bytes.
logs <- function(bytes) json(awslogs = list(data = runtime$base64_text(bytes)))

gzip <- function(text) {
  path <- withr::local_tempfile()
  con <- gzfile(path, "wb")
  writeBin(if (is.raw(text)) text else charToRaw(text), con)
  close(con)
  readBin(path, "raw", file.size(path))
}

test_that("records have their own fields as they came", {
  for (name in c("sqs-event", "sns-event", "kinesis-event", "s3-event", "dynamodb-event")) {
    came <- jsonlite::parse_json(event_json(name))$Records
    got <- records(name)
    expect_identical(lapply(got, function(record) record[names(record) != "data"]), came)
    expect_true(all(vapply(got, function(record) "data" %in% names(record), NA)))
  }
  expect_identical(records("sqs-event")[[1L]]$messageAttributes$Attribute3$binaryListValues, list("MA==", "MQ==", "MA=="))
})

test_that("without an argument, and with the handler's event, it is the invocation's, as it came", {
  came <- records("dynamodb-event")
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
    expect_identical(runtime$event_records(jsonlite::parse_json(event_json(name))), records(name))
  }
})

test_that("an event that has been simplified is refused", {
  for (name in c("sqs-event", "msk-event", "s3-batch-job-event-2.0")) {
    event <- jsonlite::parse_json(event_json(name), simplifyVector = TRUE)
    expect_error(runtime$event_records(event), "simplified, and its records are not as they came; give it the JSON text")
  }
})

test_that("an event in a message is given as its text", {
  got <- runtime$event_records(sqs(event_json("s3-event")))[[1L]]
  expect_identical(runtime$event_records(got$body), records("s3-event"))
})

test_that("what has no records is refused, and says why", {
  expect_error(runtime$event_records(), "event_records(): no invocation runs", fixed = TRUE)
  expect_error(runtime$event_records(list(a = 1)), "this event (direct) has no records", fixed = TRUE)
  expect_error(runtime$event_records(NULL), "(direct)", fixed = TRUE)
  expect_error(runtime$event_records(event_json("apigw-request")), "(rest)", fixed = TRUE)
  expect_error(runtime$event_records("{\"Records\":"), "the text is not JSON")
  begin_invocation("[1,2]")
  expect_error(runtime$event_records(), "(direct)", fixed = TRUE)
  withr::local_envvar(LAMBDA_R_EVENT = "msk")
  begin_invocation("{\"records\":7}")
  expect_error(runtime$event_records(), "the event has no list of records, as one of msk has")
})

test_that("text is never opened", {
  path <- withr::local_tempfile(lines = event_json("sqs-event"))
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
  expect_identical(datas(records("sns-event")), list("Hello from SNS!"))
})

test_that("nesting without an end is text", {
  deep <- strrep("[", 100000L)
  expect_identical(datas(runtime$event_records(sqs(deep))), list(deep))
})

test_that("payloads are simplified as events are", {
  withr::local_envvar(LAMBDA_R_SIMPLIFY = "false")
  expect_identical(datas(runtime$event_records(sqs("[1,2]"))), list(list(1L, 2L)))
})

test_that("a message that is not there has no data", {
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
  expect_identical(datas(records("kinesis-event")), list("Hello World", "Hello World"))
})

test_that("what is not base64 names its record", {
  for (bad in list("!!!!", "abc", "a===", "ab=c", "SGVs bG8=", "SGVsbG8", 7L, list("QQ=="))) {
    expect_error(
      runtime$event_records(kinesis("QQ==", bad)),
      "event_records(): record 2: kinesis$data is not base64",
      fixed = TRUE
    )
  }
})

test_that("a record that is no object is an error that names it", {
  for (bad in c("1", "null", "\"x\"", "[1]", "[]")) {
    text <- paste0("{\"Records\":[{\"eventSource\":\"aws:sqs\"},", bad, "]}")
    expect_error(runtime$event_records(text), "record 2: it is not a JSON object")
  }
  # What is text in an object's place is nothing.
  text <- "{\"Records\":[{\"eventSource\":\"aws:s3\",\"s3\":\"x\"}]}"
  expect_identical(datas(runtime$event_records(text)), list(list(bucket = NULL, key = NULL, size = NULL, version = NULL)))
})

test_that("kafka's partitions make one list, with keys and headers", {
  got <- records("msk-event")
  expect_identical(vapply(got, `[[`, 1, "offset"), c(15, 16, 3000000000, 3000000001))
  expect_identical(datas(got), list(list(amount = 3L), "no JSON", as.raw(c(0L, 255L, 1L)), NULL))
  expect_identical(lapply(got, `[[`, "key_data"), list("customer-1", "customer-1", list(customer = 2L), NULL))
  expect_identical(got[[1L]]$header_data, list(source = "web", "caf\u00e9" = "caf\u00e9"))
  expect_identical(got[[2L]]$header_data, list())
  expect_identical(got[[1L]]$value, "eyJhbW91bnQiOiAzfQ==")
  expect_identical(datas(records("self-managed-kafka-event")), list(1:2))
})

test_that("kafka's headers are bytes", {
  kafka <- function(headers) {
    runtime$event_records(paste0("{\"eventSource\":\"aws:kafka\",\"records\":{\"t-0\":[{\"headers\":", headers, "}]}}"))[[1L]]$header_data
  }
  expect_identical(kafka("[{\"a\":[]},{\"a\":[-1]}]"), list(a = "", a = as.raw(255L)))
  expect_identical(kafka("null"), list())
  for (bad in c("[{\"a\":\"x\"}]", "[{\"a\":[300]}]", "[{\"a\":[1.5]}]")) {
    expect_error(kafka(bad), "record 1: a header is no list of bytes")
  }
})

test_that("kafka's partitions may be empty or hostile", {
  kafka <- function(records) runtime$event_records(paste0("{\"eventSource\":\"aws:kafka\",\"records\":", records, "}"))
  expect_identical(kafka("{}"), list())
  expect_identical(kafka("{\"t-0\":[]}"), list())
  expect_error(kafka("{\"t-0\":\"x\"}"), "record 1: it is not a JSON object")
})

test_that("the attributes of dynamodb are R values", {
  got <- records("dynamodb-event")[[2L]]$data
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

test_that("dynamodb's images are there as far as they came", {
  got <- datas(records("dynamodb-changes-event"))
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
  new <- records("dynamodb-changes-event")[[1L]]$data$new
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

test_that("an object of S3 has its key as it is named", {
  expect_identical(
    datas(records("s3-event")),
    list(list(bucket = "sourcebucket", key = "Happy Face.jpg", size = 1024L, version = "version"))
  )
  key <- function(key) {
    runtime$event_records(json(Records = list(list(eventSource = "aws:s3", s3 = list(object = list(key = key))))))[[1L]]$data$key
  }
  expect_identical(key("a+b%2Bc/caf%C3%A9.jpg"), "a b+c/caf\u00e9.jpg")
  expect_identical(key("100%"), "100%")
})

test_that("a task of S3 Batch has its object", {
  expect_identical(
    datas(records("s3-batch-job-event-request-1.0")),
    list(list(bucket = "awsexamplebucket", key = "customerImage1.jpg", version = "1"))
  )
  expect_identical(
    datas(records("s3-batch-job-event-2.0")),
    list(list(bucket = "photos-bucket", key = "photos/caf\u00e9 1.jpg", version = NULL))
  )
})

test_that("the lines of CloudWatch Logs are records", {
  expect_identical(records("cloudwatch-logs-event")[[2L]], list(
    id = "eventId2", timestamp = 1440442987001, message = "[ERROR] Second test message",
    logGroup = "testLogGroup", logStream = "testLogStream", data = "[ERROR] Second test message"
  ))
  text <- json(logGroup = "g", logEvents = list(list(message = "{\"level\":\"warn\"}")))
  expect_identical(
    runtime$event_records(logs(gzip(text))),
    list(list(message = "{\"level\":\"warn\"}", logGroup = "g", logStream = NULL, data = list(level = "warn")))
  )
  expect_identical(records("cloudwatch-logs-control-event"), list())
})

test_that("logs that are not gzip of JSON are refused", {
  zipped <- gzip(json(logEvents = list(list(message = strrep("x", 1000L)))))
  n <- length(zipped)
  lies <- replace(zipped, n - 3:0, as.raw(c(0L, 0L, 0L, 16L))) # says that it is 256 MB
  bomb <- replace(zipped, n - 3:0, as.raw(255L))
  open <- nrow(showConnections())
  for (bytes in list(raw(), as.raw(1:50), zipped[1:20], zipped[-n], lies, c(zipped[1:10], raw(n)))) {
    expect_error(runtime$event_records(logs(bytes)), "event_records(): awslogs$data is not gzip", fixed = TRUE)
  }
  expect_error(runtime$event_records(logs(bomb)), "more than 256 MB")
  expect_error(runtime$event_records("{\"awslogs\":{\"data\":\"?\"}}"), "awslogs$data is not base64", fixed = TRUE)
  expect_error(runtime$event_records(logs(gzip("no JSON"))), "awslogs$data is not JSON", fixed = TRUE)
  expect_error(runtime$event_records(logs(gzip(as.raw(c(0x7b, 0, 0x7d))))), "awslogs$data is not JSON", fixed = TRUE)
  expect_error(runtime$event_records(logs(gzip("{\"logEvents\":[1]}"))), "record 1: it is not a JSON object")
  expect_identical(nrow(showConnections()), open)
})
