# Records: what the events of queues, streams and notifications bring, with their
# payloads decoded.

invocation_event <- function() {
  if (is.null(current$invocation$event)) {
    stop("no invocation runs; give it an event")
  }
  current$invocation$event$value
}

# undecoded_records() returns the source of an event and its records as they came.
undecoded_records <- function(event) {
  if (!is.null(current$invocation$event) && identical(event, current$invocation$event$value)) {
    source <- current$invocation$event$source
    if (current$invocation$event$simplified) {
      event <- plain_json(current$invocation$event$text, "the event")
    }
  } else {
    if (is_string(event)) {
      event <- plain_json(event, "the text")
    }
    source <- detect_source(event)
  }
  if (!source %in% record_sources) {
    stop("this event (", source, ") has no records")
  }
  records <- switch(source,
    "s3-batch" = pluck(event, "tasks"),
    msk = kafka_records(pluck(event, "records")),
    logs = log_records(pluck(event, "awslogs", "data")),
    pluck(event, "Records")
  )
  if (is.data.frame(records)) {
    stop("this event has been simplified, and its records are not as they came; give it the JSON text")
  }
  if (!is.list(records)) {
    stop("the event has no list of records, as one of ", source, " has")
  }
  list(source = source, records = unname(records))
}

# plain_json() parses JSON without simplification.
plain_json <- function(text, what) {
  tryCatch(
    {
      stopifnot(is_string(text)) # bytes that are none have stayed bytes
      decode_text(text, simplify = FALSE)$value
    },
    error = function(e) stop(what, " is not JSON")
  )
}

# kafka_records() makes one list of the records of all partitions.
kafka_records <- function(partitions) {
  if (!is.list(partitions)) {
    return(partitions)
  }
  simplified <- Find(is.data.frame, partitions)
  if (is.null(simplified)) as.list(unlist(unname(partitions), recursive = FALSE)) else simplified
}

# log_records() unpacks the events of CloudWatch Logs. A control message, with which
# CloudWatch tries whether the function can be reached, has none.
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

# gunzip() decompresses a gzip file of up to 256 MB. Its last four bytes say how long the
# result is. (memDecompress() takes all the memory there is when the end is missing.)
gunzip <- function(bytes) {
  n <- length(bytes)
  size <- if (n >= 18L) sum(as.integer(bytes[(n - 3L):n]) * 256^(0:3)) else Inf
  if (size > 2^28) {
    stop("awslogs$data is not gzip, or of more than 256 MB")
  }
  con <- rawConnection(bytes)
  on.exit(close(con))
  con <- gzcon(con, allowNonCompressed = FALSE)
  text <- tryCatch(readBin(con, "raw", size + 1), error = function(e) NULL)
  if (size == 0 || length(text) != size) {
    stop("awslogs$data is not gzip, or not all of it")
  }
  text
}

# decode_record() returns a record with its data.
decode_record <- function(record, source) {
  if (!is.list(record) || is.null(names(record))) {
    stop("it is not a JSON object")
  }
  if (source == "msk") {
    record["key_data"] <- list(decode_payload(record[["key"]], "key"))
    record["header_data"] <- list(kafka_headers(record[["headers"]]))
  }
  record["data"] <- list(switch(source,
    sqs = json_or_text(record[["body"]]),
    sns = json_or_text(pluck(record[["Sns"]], "Message")),
    kinesis = decode_payload(pluck(record[["kinesis"]], "data"), "kinesis$data"),
    msk = decode_payload(record[["value"]], "value"),
    dynamodb = dynamodb_images(record[["dynamodb"]]),
    s3 = s3_object(record[["s3"]]),
    "s3-batch" = s3_task(record),
    logs = json_or_text(record[["message"]])
  ))
  record
}

# json_or_text() parses text that is a JSON object or array. A number or a name in quotes
# is as likely to be just text.
json_or_text <- function(text) {
  if (!is_string(text) || !begins_json(text)) {
    return(text)
  }
  tryCatch(decode_text(text)$value, error = function(e) text)
}

# decode_payload() decodes base64: JSON or text where the bytes are that.
decode_payload <- function(text, what) {
  if (!is.null(text)) {
    json_or_text(text_or_bytes(base64_bytes(text, what)))
  }
}

text_or_bytes <- function(bytes) {
  force(bytes) # what fails in making them is no reason to take them for binary
  tryCatch(bytes_to_text(bytes), error = function(e) bytes)
}

# kafka_headers() decodes headers, which come as lists of signed bytes. A name can come
# more than once.
kafka_headers <- function(headers) {
  lapply(as.list(unlist(headers, recursive = FALSE)), function(value) {
    value <- unlist(value)
    if (!is.null(value) && !(is.numeric(value) && all(value %in% -128:255))) {
      stop("a header is no list of bytes")
    }
    text_or_bytes(as.raw(value %% 256))
  })
}

# s3_object() says which object a record of S3 is about. Its key comes as in a URL.
s3_object <- function(s3) {
  object <- pluck(s3, "object")
  list(
    bucket = pluck(s3, "bucket", "name"),
    key = object_key(pluck(object, "key")),
    size = pluck(object, "size"),
    version = pluck(object, "versionId")
  )
}

# s3_task() is that for a task of S3 Batch Operations. Schema 1.0 has the bucket's ARN,
# 2.0 its name.
s3_task <- function(task) {
  arn <- task[["s3BucketArn"]]
  list(
    bucket = if (is_string(arn)) sub("^.*:", "", arn) else task[["s3Bucket"]],
    key = object_key(task[["s3Key"]]),
    version = task[["s3VersionId"]]
  )
}

object_key <- function(key) if (is_string(key)) percent_decode(key, plus = TRUE) else key
