# Events for the tests of sources.

# records_of() returns the records of a sample event.
records_of <- function(name) runtime$event_records(event_json(name))

datas <- function(records) lapply(records, `[[`, "data")

json <- function(...) as.character(jsonlite::toJSON(list(...), auto_unbox = TRUE, null = "null"))

# sqs() and kinesis() return events with these payloads; those of kinesis() are base64.
sqs <- function(...) {
  json(Records = lapply(list(...), function(body) list(messageId = "m", eventSource = "aws:sqs", body = body)))
}

kinesis <- function(...) {
  json(Records = lapply(list(...), function(data) {
    list(eventSource = "aws:kinesis", kinesis = list(sequenceNumber = "7", data = data))
  }))
}

# gzip() returns a gzip file of text or bytes.
gzip <- function(text) {
  path <- withr::local_tempfile()
  con <- gzfile(path, "wb")
  writeBin(if (is.raw(text)) text else charToRaw(text), con)
  close(con)
  readBin(path, "raw", file.size(path))
}
