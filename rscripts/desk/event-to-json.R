# The events that a user gives for an invocation, in the forms that suit a desk.

# event_to_json() returns the JSON of an event: of a list or another R value, of JSON text, or of the file
# that has this path. JSON text is returned unchanged, valid or not. An empty list is an event without
# arguments. `called` names the function that the user called, `what` the value in its error messages.
event_to_json <- function(event, called, what = "event") {
  if (is.list(event) && !length(event) && !is.data.frame(event)) {
    return("{}")
  }
  if (inherits(event, "json")) {
    return(enc2utf8(paste(event, collapse = "\n")))
  }
  if (is.character(event) && !is.object(event)) {
    if (!is_string(event)) {
      stop(called, "(): ", what, " must be a list, the path of a file, or one string of JSON", call. = FALSE)
    }
    if (endsWith(tolower(event), ".json") && !is_file(event)) { # JSON ends otherwise
      stop(called, "(): there is no file ", quoted(event), " in ", getwd(), call. = FALSE)
    }
    return(if (is_file(event)) file_text(event) else enc2utf8(event))
  }
  tryCatch(as.character(encode_or_fail(event, what)), runtime_failure = function(e) {
    stop(called, "(): ", conditionMessage(e), call. = FALSE)
  })
}

# file_text() returns the text of a file, which must be in UTF-8.
file_text <- function(path) {
  tryCatch(bytes_to_text(readBin(path, "raw", file.size(path))), error = function(e) {
    stop(quoted(path), ": ", conditionMessage(e), call. = FALSE)
  })
}
