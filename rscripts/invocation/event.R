# The event: from its bytes to an R value.

# read_event() decodes an event's bytes for a handler. It returns the event, a list:
#   text        the JSON text
#   value       the R value
#   is_object   whether it is a JSON object
#   simplified  whether its arrays were simplified, see lambda_config()
#   source      the event source, see sources.R
#   request     on HTTP sources, the request, see new_request()
read_event <- function(bytes, handler) {
  text <- event_text(bytes)
  in_batches <- identical(handler$kind, "batch") # which reads the event itself
  own <- if (!in_batches) settings$deserialiser
  simplified <- !in_batches && simplify_events()
  decoded <- tryCatch(
    decode_text(text, simplified),
    runtime_failure = function(e) {
      if (is.null(settings$lambdr_deserialiser)) {
        refuse_nul_request(text)
      }
      if (is.null(own) && is.null(settings$lambdr_deserialiser)) stop(e) else list(value = NULL, is_object = FALSE)
    }
  )
  decoded$text <- text
  decoded$simplified <- simplified
  decoded$source <- if (decoded$is_object) source_of(decoded$value) else "direct"
  if (decoded$simplified && !sources[[decoded$source]]$simplify) {
    decoded[c("value", "is_object")] <- decode_text(text, simplify = FALSE)
    decoded$simplified <- FALSE
  }
  if (is_http(decoded$source)) {
    decoded$request <- new_request(decoded$value, decoded$source)
  } else if (!is.null(own)) {
    decoded[c("value", "is_object")] <- deserialise(text)
    decoded$source <- "direct" # the user's own value, wherever the event came from
  }
  decoded
}

# refuse_nul_request() answers an HTTP request that contains the character \u0000, as a URL with
# %00 does, with status 400: it is not an error of the function.
refuse_nul_request <- function(text) {
  if (!has_nul(text)) {
    return()
  }
  replaced <- gsub("\\u0000", "\\ufffd", text, fixed = TRUE)
  value <- tryCatch(decode_text(replaced, simplify = FALSE)$value, runtime_failure = function(e) NULL)
  source <- source_of(value)
  if (is_http(source)) {
    current$invocation$event <- list(source = source, request = new_request(value, source))
    bad_request("the request has ", nul_problem)
  }
}

# event_text() returns an event's bytes as a string.
event_text <- function(bytes) {
  tryCatch(bytes_to_text(bytes), error = unmarshal_error)
}

# decode_text() parses JSON text. It returns list(value, is_object); empty text is NULL.
decode_text <- function(text, simplify = simplify_events()) {
  text <- without_mark(text)
  if (has_nul(text)) {
    fail("Runtime.UnmarshalError", "the event has ", nul_problem)
  }
  is_object <- startsWith(text, "{") || grepl("^[ \t\r\n]*[{]", text)
  if (!is_object && !grepl("[^ \t\r\n]", text)) {
    return(list(value = NULL, is_object = FALSE))
  }
  list(
    value = tryCatch(parse_text(text, simplify), error = unmarshal_error),
    is_object = is_object
  )
}

# unmarshal_error() stops with the reason why an event cannot be decoded.
unmarshal_error <- function(e) {
  if (inherits(e, "runtime_failure")) {
    stop(e)
  }
  if (grepl("C stack usage|nested too deeply|stack overflow", condition_text(e))) {
    fail("Runtime.UnmarshalError", "the event is nested too deeply for R")
  }
  fail("Runtime.UnmarshalError", "the event is not valid JSON: ", condition_text(e))
}

# has_nul() returns whether JSON text contains the character \u0000. The fixed pattern comes
# first, because it is quick and finds nothing in nearly every event.
has_nul <- function(text) {
  grepl("\\u0000", text, fixed = TRUE) && grepl("(^|[^\\\\])(\\\\\\\\)*\\\\u0000", text)
}

nul_problem <- "the character \\u0000, which an R string cannot hold"

# deserialise() returns the R value of text: of JSON, or by lambda_config(deserialiser = ).
deserialise <- function(text) {
  if (is.null(settings$deserialiser)) {
    return(decode_text(text))
  }
  value <- call_user(as.call(list(settings$deserialiser, text)), globalenv())
  list(value = value, is_object = is.list(value) && !is.data.frame(value) && !is.null(names(value)))
}
