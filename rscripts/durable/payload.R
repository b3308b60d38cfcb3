# Payloads: what Lambda stores of a value, as text, and the value that comes back.
#
# A payload is JSON where R reads that back as the same value, with the same types:
#   5      a single double
#   [5]    a single integer, as longer vectors of integers are [5,6]; those of doubles are [5.0,6.0]
#   {"r": "..."}    any value that JSON would change: serialize(), compressed, in base64
# A step returns the value that comes back at once, so that a replay cannot differ.

# encode_stored() returns the text of a value. If `like` is a single integer, single integers are 5
# and doubles 5.0. Stops with an error that no retry corrects if a value has no text.
encode_stored <- function(value, label, serialiser = NULL, like = NULL) {
  force(value)
  if (!is.null(serialiser$write)) {
    return(written_text(value, label, serialiser$write))
  }
  text <- scalar_json(value, is_single_integer(like))
  if (is.null(text)) {
    text <- exact_json(value)
  }
  if (is.null(text)) serialised_json(value, label) else text
}

# written_text() returns what the user's serialiser writes.
written_text <- function(value, label, write) {
  text <- tryCatch(
    call_user(as.call(list(write, value)), globalenv()),
    error = function(e) stop_durable(
      label, ": its serialiser's write() has failed: ", condition_text(e)
    )
  )
  if (!is_string(text) || !validUTF8(enc2utf8(as.character(text)))) {
    stop_durable(
      label, ": its serialiser's write() must return one string of UTF-8, not ", class(text)[[1L]]
    )
  }
  enc2utf8(as.character(text))
}

# encode_fitting() is encode_stored() for a value that must be stored: one that is too large stops
# with an error. `what` is the value in that.
encode_fitting <- function(value, label, serialiser = NULL, like = NULL, what = label) {
  text <- encode_stored(value, label, serialiser, like)
  large <- too_large(text, what, "keep it in S3 and return the key")
  if (is.null(large)) {
    return(text)
  }
  if (is.null(serialiser$write) && has_environment(value)) {
    large$message <- paste0(
      large$message, ". It has a function or a formula, as models have, which is stored with all ",
      "variables around it"
    )
  }
  stop(large)
}

# has_environment() returns whether a value has an environment that serialize() stores with it.
has_environment <- function(value) {
  found <- FALSE
  note <- function(reference) {
    found <<- found || is.environment(reference)
    NULL
  }
  serialize(value, NULL, refhook = note)
  found
}

# decode_stored() returns the value of a text that this execution has stored. NULL stands for no text.
decode_stored <- function(text, serialiser = NULL, like = NULL) {
  if (!is.null(serialiser$read)) {
    return(call_user(as.call(list(serialiser$read, text)), globalenv()))
  }
  if (is.null(text)) {
    return(NULL)
  }
  if (grepl("^-?[0-9]{1,15}$", text)) {
    return(if (is_single_integer(like)) as.integer(text) else as.numeric(text))
  }
  value <- jsonlite::parse_json(text, simplifyVector = FALSE)
  if (is_serialised_json(value)) {
    return(unserialize(memDecompress(jsonlite::base64_dec(value$r), "gzip")))
  }
  simplify(value)
}

is_single_integer <- function(x) is.integer(x) && length(x) == 1L && is.null(attributes(x))

is_serialised_json <- function(value) {
  is.list(value) && identical(names(value), "r") && is_string(value$r)
}

# scalar_json() returns the text of a value that is short and frequent, else NULL.
scalar_json <- function(x, plain_integers) {
  if (is.null(x)) {
    return("null")
  }
  if (!is.null(attributes(x)) || length(x) != 1L || !is.atomic(x) || is.na(x)) {
    return(NULL)
  }
  switch(typeof(x),
    character = if (is_same_in_utf8(x)) json_string(x),
    logical = if (x) "true" else "false",
    integer = if (plain_integers) as.character(x) else paste0("[", x, "]"),
    double = double_json(x, plain_integers)
  )
}

# is_same_in_utf8() returns whether a string is the same in UTF-8.
is_same_in_utf8 <- function(x) Encoding(x) != "bytes" && validUTF8(x) && identical(enc2utf8(x), x)

# double_json() returns the text of a double: all digits that it needs.
double_json <- function(x, with_point) {
  if (!is.finite(x) || x == 0 && 1 / x < 0) {
    return(NULL)
  }
  if (x == trunc(x) && abs(x) < 1e15) {
    return(paste0(sprintf("%.0f", x), if (with_point) ".0"))
  }
  for (format in c("%.15g", "%.17g")) {
    text <- sprintf(format, x)
    read <- tryCatch(jsonlite::parse_json(text), error = function(e) NULL)
    if (grepl("[.e]", text) && identical(read, x)) {
      return(text)
    }
  }
  NULL
}

# exact_json() returns the JSON of a value that is read back identical, else NULL. It does not try
# large values: serialize() is smaller.
exact_json <- function(x) {
  tryCatch(
    if (may_be_json(x) && utils::object.size(x) <= 65536) {
      json <- jsonlite::toJSON(
        x, auto_unbox = TRUE, digits = NA, always_decimal = TRUE, null = "null", na = "null"
      )
      text <- enc2utf8(as.character(json))
      same <- validUTF8(text) && !grepl("^[0-9-]", text) && identical(decode_stored(text), x)
      if (same) text
    },
    error = function(e) NULL
  )
}

# may_be_json() returns whether a value consists of vectors and lists without attributes but names,
# or is a data frame of such vectors.
may_be_json <- function(x) {
  kept <- setdiff_strings(names(attributes(x)), "names")
  if (identical(class(x), "data.frame") && length(x)) {
    kept <- setdiff_strings(kept, c("class", "row.names"))
  }
  types <- c("NULL", "list", "logical", "integer", "double", "character")
  if (length(kept) || !typeof(x) %in% types) {
    return(FALSE)
  }
  !is.list(x) || length(x) <= 1000L && all(vapply(x, may_be_json, logical(1)))
}

# serialised_json() returns a value in R's own form. A connection or another pointer would come back
# broken, so it is an error.
serialised_json <- function(value, label) {
  found <- FALSE
  note <- function(reference) {
    found <<- found || typeof(reference) == "externalptr"
    NULL
  }
  bytes <- tryCatch(serialize(value, NULL, version = 3L, refhook = note), error = function(e) {
    stop_durable(label, ": its value cannot be stored: ", condition_text(e))
  })
  pointer <- if (found) pointer_in(value)
  if (!is.null(pointer)) {
    stop_durable(
      label, ": its value cannot be stored: ", pointer, " is a connection or a pointer of a ",
      "package, which only this process can use. Return what is needed to open it again"
    )
  }
  paste0("{\"r\":\"", base64_text(memCompress(bytes, "gzip")), "\"}")
}

# pointer_in() returns the place of a pointer in a value, NULL if there is none. It ignores that of
# a data.table, which is made again, and those in environments, which the value may not need.
pointer_in <- function(x, place = "it", depth = 0L) {
  if (typeof(x) == "externalptr") {
    return(place)
  }
  if (depth > 20L) {
    return(NULL)
  }
  parts <- attributes(x)
  parts[[".internal.selfref"]] <- NULL
  places <- rep(place, length(parts))
  if (is.list(x)) {
    x <- unclass(x)
    parts <- c(parts, x)
    places <- c(places, paste0(place, item_places(x)))
  }
  for (i in seq_along(parts)) {
    part <- parts[[i]]
    if (is.list(part) || !is.null(attributes(part)) || typeof(part) == "externalptr") {
      found <- pointer_in(part, places[[i]], depth + 1L)
      if (!is.null(found)) {
        return(found)
      }
    }
  }
}

item_places <- function(x) {
  labels <- names(x)
  numbers <- paste0("[[", seq_along(x), "]]")
  if (is.null(labels)) {
    return(numbers)
  }
  ifelse(is.na(labels) | !nzchar(labels), numbers, paste0("$", labels))
}

# decode_answer() returns the value of a text from outside of the execution: of a callback, or of an
# invoked function. JSON becomes a value as an event does, other text stays text. It is never
# unserialised.
decode_answer <- function(text, serialiser = NULL) {
  if (!is.null(serialiser$read)) {
    return(call_user(as.call(list(serialiser$read, text)), globalenv()))
  }
  if (is.null(text) || !nzchar(text)) {
    return(NULL)
  }
  if (has_nul(text)) {
    return(text)
  }
  tryCatch(parse_text(text, simplify_events()), error = function(e) text)
}

# check_serialiser() stops if `serialiser` is not NULL or a list of functions, of those that are
# named.
check_serialiser <- function(label, serialiser, name = "serialiser") {
  if (is.null(serialiser)) {
    return(invisible())
  }
  is_one <- is.list(serialiser) && length(serialiser) &&
    all(names(serialiser) %in% c("write", "read")) &&
    all(vapply(serialiser, is.function, logical(1)))
  if (!is_one) {
    stop_durable(
      label, ": ", name, " must be list(write = function(value) ..., read = function(text) ...)"
    )
  }
}

# too_large() returns the error of a payload that Lambda would refuse, NULL if it is small enough.
too_large <- function(text, what, advice) {
  size <- nchar(text, "bytes")
  if (size <= max_payload) {
    return(NULL)
  }
  durable_condition(
    "durable_too_large",
    paste0(
      what, " has ", format(size, big.mark = ",", scientific = FALSE), " bytes when stored, and ",
      "Lambda stores at most ", format(max_payload, big.mark = ","), ": ", advice
    )
  )
}
