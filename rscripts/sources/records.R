# Records: the items of queues, streams and notifications, with their payloads decoded.

invocation_event <- function() {
  if (is.null(current$invocation$event)) {
    stop("no invocation is running; pass it an event")
  }
  current$invocation$event$value
}

# undecoded_records() returns list(source, records): the name of an event's source, and its
# records as they came.
undecoded_records <- function(event) {
  if (!is.null(current$invocation$event) && identical(event, current$invocation$event$value)) {
    name <- current$invocation$event$source
    if (current$invocation$event$simplified) {
      event <- plain_json(event_text(current$invocation$event$bytes), "the event")
    }
  } else {
    if (is_string(event)) {
      event <- plain_json(event, "the text")
    }
    name <- detect_source(event)
  }
  records_of <- sources[[name]]$records
  if (is.null(records_of)) {
    stop("the event has no records: its source is ", name)
  }
  records <- records_of(event)
  if (is.data.frame(records)) {
    stop("this event has been simplified, and its records are not as they came; pass its JSON text")
  }
  if (!is.list(records)) {
    stop("the event does not have a list of records, as those of ", name, " do")
  }
  list(source = name, records = unname(records))
}

# plain_json() parses JSON without simplification.
plain_json <- function(text, what) {
  tryCatch(
    {
      stopifnot(is_string(text)) # bytes that are not UTF-8 stay bytes
      decode_text(text, simplify = FALSE)$value
    },
    error = function(e) stop(what, " is not JSON")
  )
}

# decode_record() returns a record with the fields that its source adds.
decode_record <- function(record, source) {
  if (!is.list(record) || is.null(names(record))) {
    stop("it is not a JSON object")
  }
  added <- sources[[source]]$unpack(record)
  record[names(added)] <- added
  record
}

# json_or_text() parses text that is a JSON object or array. Other JSON, such as a number or a
# quoted name, is as likely to be just text.
json_or_text <- function(text) {
  if (!is_string(text) || !begins_json(text)) {
    return(text)
  }
  tryCatch(decode_text(text)$value, error = function(e) text)
}

# decode_payload() decodes base64 to JSON or text, or to raw bytes if it is neither.
decode_payload <- function(text, what) {
  if (!is.null(text)) {
    json_or_text(text_or_bytes(base64_bytes(text, what)))
  }
}

text_or_bytes <- function(bytes) {
  force(bytes) # an error in its argument must not look like binary data
  tryCatch(bytes_to_text(bytes), error = function(e) bytes)
}
