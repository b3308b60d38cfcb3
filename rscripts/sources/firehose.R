# Firehose: records that come back changed, dropped, or as failed.

# transformed_data() returns a transformed record as base64, or NULL if the record is dropped. Text
# and raw bytes are sent unchanged, anything else as JSON.
transformed_data <- function(value) {
  if (!is.null(value)) {
    base64_text(if (is.raw(value)) value else charToRaw(if (is_plain_text(value)) enc2utf8(value) else encode_or_fail(value)))
  }
}

is_plain_text <- function(x) is_string(x) && !inherits(x, c("json", "AsIs"))

# report_transformed() returns the results of all records, in their order. A failed one comes with
# the data that it had.
report_transformed <- function(records, ids, outcomes) {
  list(records = Map(function(record, id, outcome) {
    result <- if (outcome$failed) "ProcessingFailed" else if (is.null(outcome$value)) "Dropped" else "Ok"
    list(recordId = id, result = result, data = if (result == "Ok") outcome$value else record[["data"]])
  }, records, ids, outcomes, USE.NAMES = FALSE))
}
