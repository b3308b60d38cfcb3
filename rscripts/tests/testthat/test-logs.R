local_edition(3)

# logs() returns an event of CloudWatch Logs with these bytes.
logs <- function(bytes) json(awslogs = list(data = runtime$base64_text(bytes)))

test_that("each line is a record", {
  expect_identical(records_of("cloudwatch-logs-event")[[2L]], list(
    id = "eventId2", timestamp = 1440442987001, message = "[ERROR] Second test message",
    logGroup = "testLogGroup", logStream = "testLogStream", data = "[ERROR] Second test message"
  ))
  text <- json(logGroup = "g", logEvents = list(list(message = "{\"level\":\"warn\"}")))
  expect_identical(
    runtime$event_records(logs(gzip(text))),
    list(list(message = "{\"level\":\"warn\"}", logGroup = "g", logStream = NULL, data = list(level = "warn")))
  )
  expect_identical(records_of("cloudwatch-logs-control-event"), list())
})

test_that("lines may be compressed with zlib", {
  text <- json(logGroup = "g", logStream = "s", logEvents = list(list(message = "a line")))
  got <- runtime$event_records(logs(memCompress(charToRaw(text), "gzip")))
  expect_identical(got, list(list(message = "a line", logGroup = "g", logStream = "s", data = "a line")))
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
