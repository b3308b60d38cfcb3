# Records: what the events of queues, streams and notifications bring, with their
# payloads decoded.

# event_records() returns the records of an event, a list of plain lists: each has the
# record's own fields as they came, never simplified, and `data`, the decoded payload:
#
#   sqs       the body: JSON if it is an object or an array, else text
#   sns       the message, likewise
#   kinesis   the bytes: JSON if they are an object or an array, else text, else raw
#   msk       the value, as kinesis; NULL for none. Also key_data, likewise, and
#             header_data, a list of text or raw by the headers' names
#   dynamodb  list(keys, new, old): items as named lists, NULL where the stream has none
#   s3        list(bucket, key, size, version), the key as the object is named
#   s3-batch  list(bucket, key, version), likewise
#   logs      the line's message, as sqs; logGroup and logStream are in each record
#
# JSON in a payload is simplified as events are. (KPL aggregates of kinesis are not taken
# apart.)
#
# event: the event of the invocation that runs, if it is missing. A handler's own formal
#   `event` does, too. An event in another one, such as S3's in a message of SQS, is given
#   as the JSON text that it comes as: event_records(record$body).
event_records <- function(event) {
  in_runtime(tryCatch(
    {
      batch <- undecoded_records(if (missing(event)) invocation_event() else event)
      lapply(seq_along(batch$records), function(i) {
        tryCatch(decode_record(batch$records[[i]], batch$source), error = function(e) {
          stop("record ", i, ": ", condition_text(e))
        })
      })
    },
    error = function(e) stop("event_records(): ", condition_text(e), call. = FALSE)
  ))
}

invocation_event <- function() {
  if (is.null(current$event)) {
    stop("no invocation runs; give it an event")
  }
  current$event$value
}

# undecoded_records() returns the source of an event and its records as they came.
undecoded_records <- function(event) {
  if (!is.null(current$event) && identical(event, current$event$value)) {
    source <- current$event$source
    if (current$event$simplified) {
      event <- plain_json(current$event$text, "the event")
    }
  } else {
    if (is_text(event)) {
      event <- plain_json(event, "the text")
    }
    source <- told_source(event)
  }
  if (!source %in% record_sources) {
    stop("this event (", source, ") has no records")
  }
  records <- switch(source,
    "s3-batch" = member(event, "tasks"),
    msk = kafka_records(member(event, "records")),
    logs = log_records(member(member(event, "awslogs"), "data")),
    member(event, "Records")
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
      stopifnot(is_text(text)) # bytes that are none have stayed bytes
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
  if (identical(member(batch, "messageType"), "CONTROL_MESSAGE")) {
    return(list())
  }
  lapply(member(batch, "logEvents"), function(record) {
    if (is.list(record)) {
      record[c("logGroup", "logStream")] <- list(member(batch, "logGroup"), member(batch, "logStream"))
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
    sns = json_or_text(member(record[["Sns"]], "Message")),
    kinesis = decode_payload(member(record[["kinesis"]], "data"), "kinesis$data"),
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
  if (!is_text(text) || !begins_json(text)) {
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
  object <- member(s3, "object")
  list(
    bucket = member(member(s3, "bucket"), "name"),
    key = object_key(member(object, "key")),
    size = member(object, "size"),
    version = member(object, "versionId")
  )
}

# s3_task() is that for a task of S3 Batch Operations. Schema 1.0 has the bucket's ARN,
# 2.0 its name.
s3_task <- function(task) {
  arn <- task[["s3BucketArn"]]
  list(
    bucket = if (is_text(arn)) sub("^.*:", "", arn) else task[["s3Bucket"]],
    key = object_key(task[["s3Key"]]),
    version = task[["s3VersionId"]]
  )
}

object_key <- function(key) if (is_text(key)) percent_decode(key, plus = TRUE) else key
