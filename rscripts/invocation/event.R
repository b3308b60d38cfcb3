# The event: from its bytes to an R value.

# read_event() decodes an event's bytes for a handler. It returns the event, a list:
#   bytes       the event as it came
#   value       the R value
#   is_object   whether it is a JSON object
#   simplified  whether its arrays were simplified, see lambda_config()
#   source      the event source, see sources.R
#   request     on HTTP sources, the request, see new_request()
# If `decoded` is not NULL, bootstrap has decoded the event, see event_from_bootstrap().
read_event <- function(bytes, handler, decoded = NULL) {
  simplified <- simplifies_event(handler)
  given <- event_from_bootstrap(decoded, simplified)
  event <- if (is.null(given)) {
    decode_event(bytes, simplified, handler)
  } else {
    list(value = given$value, is_object = is_object(given$value))
  }
  event$bytes <- bytes
  event$simplified <- simplified
  event$source <- if (event$is_object) source_of(event$value) else "direct"
  if (event$simplified && !sources[[event$source]]$simplify) {
    event[c("value", "is_object")] <- decode_text(event_text(bytes), simplify = FALSE)
    event$simplified <- FALSE
  }
  if (is_http(event$source)) {
    event$request <- new_request(event$value, event$source)
    if (!is.null(given[["body"]])) {
      event$request$decoded <- list(text = event$value[["body"]], value = given[["body"]])
    }
  } else if (has_deserialiser(handler)) {
    event[c("value", "is_object")] <- deserialise(event_text(bytes))
    event$source <- "direct" # the user's own value, wherever the event came from
  }
  event
}

# A batch handler reads the event itself.
is_batch <- function(handler) identical(handler$kind, "batch")

simplifies_event <- function(handler) !is_batch(handler) && simplify_events()

has_deserialiser <- function(handler) !is_batch(handler) && !is.null(settings$deserialiser)

# decoded_arrays() returns what the arrays of events become for a handler, if bootstrap may decode
# them: "simplified" or "lists". Else it returns "".
decoded_arrays <- function(handler) {
  if (has_deserialiser(handler) || !is.null(settings$lambdr_deserialiser)) {
    ""
  } else if (simplifies_event(handler)) {
    "simplified"
  } else {
    "lists"
  }
}

# takes_bodies() returns whether a handler gets its arguments from the bodies of requests. Others get
# the whole event, or the router of plumber does.
takes_bodies <- function(handler) {
  handler$kind == "function" && (settings$lambdr_arguments || !handler$arguments$event)
}

# event_from_bootstrap() returns an event that bootstrap has decoded, as list(simplified, value,
# body), or NULL if it has decoded none, or not as the settings now are. `decoded` is what
# serialize() would return of that list, made by the Go package rvalue: vectors, lists and data
# frames only. `body`, if it is there, is the value of the JSON text in the event's member "body".
event_from_bootstrap <- function(decoded, simplified) {
  given <- if (!is.null(decoded)) unserialize(decoded)
  if (!identical(given$simplified, simplified)) {
    return(NULL)
  }
  if (identical(settings$integers, "double")) with_doubles(given) else given
}

# is_object() returns whether a decoded value was a JSON object.
is_object <- function(value) is.list(value) && !is.data.frame(value) && !is.null(names(value))

# decode_event() returns decode_text()'s list for an event's bytes. If the user's own function reads
# the text, it need not be JSON.
decode_event <- function(bytes, simplified, handler) {
  text <- event_text(bytes)
  tryCatch(
    decode_text(text, simplified),
    runtime_failure = function(e) {
      if (is.null(settings$lambdr_deserialiser)) {
        refuse_nul_request(text)
      }
      if (!has_deserialiser(handler) && is.null(settings$lambdr_deserialiser)) stop(e) else list(value = NULL, is_object = FALSE)
    }
  )
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
  is_object <- startsWith(text, "{") || grepl("^[ \t\r\n]*[{]", text, perl = TRUE, useBytes = TRUE)
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
