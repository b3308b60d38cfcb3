# CloudWatch Logs: lines, compressed and in base64.

# log_records() returns the log events of a subscription's data. A control message, with which
# CloudWatch checks that it can reach the function, has none.
log_records <- function(data) {
  bytes <- decompress(base64_bytes(data, "awslogs$data"), "awslogs$data", limit = 2^28)
  batch <- plain_json(text_or_bytes(bytes), "awslogs$data")
  if (identical(pluck(batch, "messageType"), "CONTROL_MESSAGE")) {
    return(list())
  }
  lapply(pluck(batch, "logEvents"), function(record) {
    if (is.list(record)) {
      record[c("logGroup", "logStream")] <- list(pluck(batch, "logGroup"), pluck(batch, "logStream"))
    }
    record
  })
}
