# The result: from what a handler returned to the JSON that its event's source takes.

# encode_answer() returns the JSON of a handler's result in the form that the event's source
# takes. With `tables`, large data frames may be serialized, see encode_pieces().
encode_answer <- function(value, event, tables = FALSE) {
  if (!is.null(settings$lambdr_serialiser)) {
    lambdr_result(value)
  } else if (is_serialised(value)) {
    checked_text(value, "the result")
  } else if (is_http(event$source)) {
    encode_response(value, event$request)
  } else {
    serialise(result_of(value), tables)
  }
}

# serialise() returns the text of a result: JSON, or by lambda_config(serialiser = ).
serialise <- function(value, tables = FALSE) {
  if (is.null(settings$serialiser) || inherits(value, "json")) {
    return(encode_or_fail(value, encode = if (tables) encode_pieces else encode_result))
  }
  text <- call_user(as.call(list(settings$serialiser, value)), globalenv())
  if (!is_string(text)) {
    fail("Runtime.MarshalError", "the serialiser of lambda_config() must return one string, not ", class(text)[[1L]])
  }
  checked_text(text, "the text of lambda_config()'s serialiser")
}

# checked_text() returns a string in UTF-8, or fails if it is not valid. `what` names it.
checked_text <- function(text, what) {
  text <- enc2utf8(as.character(text))
  if (!validUTF8(text)) {
    fail("Runtime.MarshalError", what, " is not valid UTF-8")
  }
  text
}

# encode_or_fail() encodes a value, or fails with a line for each element that cannot be encoded.
# `what` is what the message calls the value.
encode_or_fail <- function(value, what = "result", encode = encode_result) {
  force(value) # as_result() may fail in user code, which is another error
  tryCatch(encode(value), error = function(e) {
    elements <- tryCatch(unencodable_elements(value, what), error = function(e) character())
    if (!length(elements)) {
      elements <- paste0(what, ": ", condition_text(e))
    }
    fail("Runtime.MarshalError", "the ", what, " cannot be encoded as JSON: ", paste(elements, collapse = "; "))
  })
}
