# JSON: the event to an R value, a result to JSON, and control frames.

# parse_text() parses JSON text. Always parse_json() and never fromJSON(), which
# opens a string that is a path or a URL: an event is hostile.
parse_text <- function(text, simplify) {
  jsonlite::parse_json(text, simplifyVector = simplify)
}

# bytes_to_text() returns UTF-8 bytes as a string, or stops with why they are none.
bytes_to_text <- function(bytes) {
  if (any(bytes == as.raw(0L))) {
    stop("it contains a NUL byte")
  }
  text <- rawToChar(bytes)
  Encoding(text) <- "UTF-8"
  if (!validUTF8(text)) {
    stop("it is not valid UTF-8")
  }
  text
}

# clean_text() makes any string fit for a control frame: one string, valid UTF-8
# and at most `limit` bytes. Bytes that are no character are shown as <ff>.
clean_text <- function(x, limit = 65536L) {
  x <- paste(as.character(x), collapse = "\n")
  x <- iconv(enc2utf8(x), "UTF-8", "UTF-8", sub = "byte")
  if (is.na(x)) {
    return("")
  }
  size <- nchar(x, "bytes")
  if (size > limit) {
    # A character has at most four bytes, so the first limit / 4 always fit.
    x <- paste0(substr(x, 1L, limit %/% 4L), " ... (cut: ", size, " bytes in all)")
  }
  x
}

# control_json() returns a control frame's JSON. Fields are strings, numbers,
# lists, or values marked with I() to stay arrays.
control_json <- function(...) {
  unclass(jsonlite::toJSON(list(...), auto_unbox = TRUE, null = "null", digits = 6, na = "null"))
}

# json_string() quotes a string. Most request ids need no escaping, and toJSON()
# takes longer than all the rest of a frame.
json_string <- function(x) {
  if (grepl("^[A-Za-z0-9_-]+$", x)) {
    return(paste0("\"", x, "\""))
  }
  unclass(jsonlite::toJSON(x, auto_unbox = TRUE))
}

# encode_result() returns the JSON of what a handler returned, as one string. Text
# of class "json" is JSON already and goes through as it is.
encode_result <- function(value) {
  if (inherits(value, "json")) {
    return(enc2utf8(paste(as.character(value), collapse = "")))
  }
  simple <- encode_simple(value)
  if (!is.null(simple)) {
    return(simple)
  }
  json <- enc2utf8(unclass(to_json(value)))
  if (validUTF8(json)) json else replace_surrogates(json)
}

# replace_surrogates() puts U+FFFD in the place of half a surrogate pair, which jsonlite
# makes three bytes of that are not UTF-8, and that iconv() lets pass.
replace_surrogates <- function(text) {
  text <- gsub("\xed[\xa0-\xbf][\x80-\xbf]", "\xef\xbf\xbd", text, perl = TRUE, useBytes = TRUE)
  Encoding(text) <- "UTF-8"
  text
}

# encode_simple() encodes what many handlers return, a short list of named strings,
# integers and logicals, to the same bytes as to_json() at a third of its time. For
# anything else it returns NULL.
encode_simple <- function(value) {
  keys <- names(value)
  if (typeof(value) != "list" || is.object(value) || !length(keys) || length(keys) > 20L ||
    length(attributes(value)) > 1L || anyDuplicated(keys) || !all(plain_text(keys))) {
    return(NULL)
  }
  members <- character(length(value))
  for (i in seq_along(value)) {
    x <- .subset2(value, i)
    if (length(x) != 1L || !is.null(attributes(x)) || is.na(x)) {
      return(NULL)
    }
    members[[i]] <- switch(typeof(x),
      character = if (plain_text(x)) paste0("\"", x, "\"") else return(NULL),
      integer = sprintf("%d", x),
      logical = if (x) "true" else "false",
      return(NULL)
    )
  }
  paste0("{", paste0("\"", keys, "\":", members, collapse = ","), "}")
}

# plain_text() is TRUE for strings that JSON needs not escape: printable ASCII without
# the quote, the backslash and what jsonlite escapes after "<".
plain_text <- function(x) {
  nzchar(x) & !grepl("[^ -~]|[\"\\\\<]", x, perl = TRUE, useBytes = TRUE)
}

to_json <- function(value) {
  if (settings$lambdr_compat) { # four digits, a number that is NA as "NA"
    return(jsonlite::toJSON(value, auto_unbox = TRUE, null = "null"))
  }
  jsonlite::toJSON(
    value,
    auto_unbox = TRUE, null = "null", na = "null", digits = NA,
    Date = "ISO8601", POSIXt = "ISO8601", UTC = TRUE, raw = "base64"
  )
}

# find_unencodable() returns the path to the innermost element of `value` that
# cannot be encoded, for example result$fit[[2]].
find_unencodable <- function(value, path = "result") {
  if (!is.list(value) || is.object(value) && !is.data.frame(value)) {
    return(path)
  }
  labels <- names(value)
  for (i in seq_along(value)) {
    element <- .subset2(value, i)
    if (!is.null(tryCatch({ to_json(element); NULL }, error = identity))) {
      step <- if (length(labels) && nzchar(labels[[i]])) paste0("$", labels[[i]]) else paste0("[[", i, "]]")
      return(find_unencodable(element, paste0(path, step)))
    }
  }
  path
}
