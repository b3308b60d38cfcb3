# The sample events of lambda_config(prime = ).

# read_prime_setting() returns what lambda_config(prime = ) asks for: a function, or a list of
# `events`, JSON texts, and the `file` that they are from. It stops if that is not possible.
read_prime_setting <- function(prime) {
  if (is.function(prime)) {
    if (length(required_arguments(prime))) {
      stop("lambda_config(): prime is a function, which must work without arguments", call. = FALSE)
    }
    return(prime)
  }
  if (is_string(prime)) {
    return(prime_events_of_text(prime))
  }
  if (!is.list(prime) || is.data.frame(prime) || !length(prime) && is.null(names(prime))) {
    stop(
      "lambda_config(): prime must be an event (a list with names), a list of events, JSON text, the path of a JSON file ",
      "or a function without arguments",
      call. = FALSE
    )
  }
  list(events = lapply(if (is.null(names(prime))) prime else list(prime), prime_event))
}

# prime_event() returns the JSON of an event that is an R value.
prime_event <- function(event) {
  tryCatch(encode_or_fail(event, "event"), error = function(e) {
    stop("lambda_config(): prime: ", condition_text(e), call. = FALSE)
  })
}

# prime_events_of_text() returns the events of JSON text, or of the file that `text` names. An array
# is several events.
prime_events_of_text <- function(text) {
  file <- if (is_file(text)) text
  what <- if (is.null(file)) "the text of prime" else paste0("prime = ", quoted(text))
  if (is.null(file) && !begins_json(text)) {
    stop("lambda_config(): prime = ", quoted(text), ": there is no such file in ", getwd(), call. = FALSE)
  }
  events <- tryCatch(
    {
      json <- if (is.null(file)) text else bytes_to_text(readBin(file, "raw", file.size(file)))
      split_events(without_mark(json))
    },
    error = function(e) stop("lambda_config(): ", what, " is not valid JSON: ", condition_text(e), call. = FALSE)
  )
  if (!length(events)) {
    stop("lambda_config(): ", what, " has no event", call. = FALSE)
  }
  list(events = events, file = file)
}

# split_events() returns the texts of the elements of a JSON array, or the text itself if it is not
# an array.
split_events <- function(json) {
  validate_json(json)
  if (!grepl("^[ \t\r\n]*\\[", json)) {
    return(list(json))
  }
  lapply(jsonlite::parse_json(json, simplifyVector = FALSE), function(event) {
    unclass(jsonlite::toJSON(event, auto_unbox = TRUE, null = "null", digits = NA))
  })
}
