# CloudWatch Logs: lines, compressed and in base64.

# log_records() returns the log events of a subscription's data. A control message, with which
# CloudWatch checks that it can reach the function, has none.
log_records <- function(data) {
  text <- text_or_bytes(gunzip(base64_bytes(data, "awslogs$data")))
  batch <- plain_json(text, "awslogs$data")
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

# gunzip() decompresses a gzip file of up to 256 MB. The last four bytes of the file are the
# length of the result. (memDecompress() uses up all memory if the end of the file is missing.)
gunzip <- function(bytes) {
  n <- length(bytes)
  size <- if (n >= 18L) sum(as.integer(bytes[(n - 3L):n]) * 256^(0:3)) else Inf
  if (size > 2^28) {
    stop("awslogs$data is not gzip, or decompresses to more than 256 MB")
  }
  con <- rawConnection(bytes)
  on.exit(close(con))
  con <- gzcon(con, allowNonCompressed = FALSE)
  text <- tryCatch(readBin(con, "raw", size + 1), error = function(e) NULL)
  if (size == 0 || length(text) != size) {
    stop("awslogs$data is not gzip, or its end is missing")
  }
  text
}
