# JSON: text becomes R values; control frames and results become JSON.

# parse_text() parses JSON text. It uses parse_json() and never fromJSON(), which opens a string
# that is a path or a URL: an event is hostile.
parse_text <- function(text, simplify) {
  validate_json(text)
  value <- jsonlite::parse_json(text, simplifyVector = FALSE)
  if (simplify) {
    value <- simplify(value, max_cells(text))
  }
  if (identical(settings$integers, "double")) with_doubles(value) else value
}

# with_doubles() makes doubles of the integers in a value.
with_doubles <- function(value) {
  as_double <- function(x) {
    if (is.integer(x)) {
      storage.mode(x) <- "double"
    }
    x
  }
  if (is.list(value)) {
    rapply(value, as_double, classes = c("integer", "matrix", "array"), how = "replace")
  } else {
    as_double(value)
  }
}

# validate_json() stops if text is not JSON. The parser of jsonlite before 1.8.8 would do so at a
# price: it quotes the text in a format for C's printf(), so that "%s" in an event crashes R and "%x"
# shows R's memory to the caller, and it leaks ten times the size of the text.
validate_json <- function(text) {
  valid <- jsonlite::validate(text)
  if (!valid) {
    stop(attr(valid, "err"), call. = FALSE)
  }
}

# bytes_to_text() returns UTF-8 bytes as a string, or stops if they are not valid UTF-8 text.
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

# without_mark() removes a byte order mark, which some programs write at the start of a file.
without_mark <- function(text) if (startsWith(text, "\ufeff")) substring(text, 2L) else text

# clean_text() makes any value fit for a control frame: one string of valid UTF-8 with at most
# `limit` bytes, plus a note if it was cut. Bytes that are not part of a character appear as <ff>.
clean_text <- function(x, limit = 65536L) {
  if (!is_string(x) || is.object(x)) {
    x <- paste(as.character(x), collapse = "\n")
  }
  x <- enc2utf8(x)
  if (!validUTF8(x) || Encoding(x) == "bytes") {
    x <- iconv(x, "UTF-8", "UTF-8", sub = "byte")
    if (is.na(x)) {
      return("")
    }
  }
  size <- nchar(x, "bytes")
  if (size > limit) {
    # A character has at most four bytes, so the first limit / 4 characters always fit.
    x <- paste0(substr(x, 1L, limit %/% 4L), " ... (cut: ", size, " bytes in all)")
  }
  x
}

# control_json() returns the JSON of a control frame. Fields are strings, numbers or lists; those
# marked with I() stay arrays.
control_json <- function(...) {
  unclass(jsonlite::toJSON(list(...), auto_unbox = TRUE, null = "null", digits = 6, na = "null"))
}

# json_string() quotes a string. (toJSON() takes longer than the rest of a frame.)
json_string <- function(x) encode_strings(x)

# replace_surrogates() replaces each half of a surrogate pair by U+FFFD. jsonlite turns such a half
# into three bytes that are not UTF-8, and iconv() lets them pass.
replace_surrogates <- function(text) {
  text <- gsub("\xed[\xa0-\xbf][\x80-\xbf]", "\xef\xbf\xbd", text, perl = TRUE, useBytes = TRUE)
  Encoding(text) <- "UTF-8"
  text
}

# to_json() defines the JSON of a result. encode.R makes the same bytes faster.
to_json <- function(value) {
  if (settings$lambdr_compat) { # four digits, a number that is NA as "NA"
    return(jsonlite::toJSON(value, auto_unbox = TRUE, null = "null"))
  }
  jsonlite::toJSON(
    value,
    auto_unbox = TRUE, null = "null", na = "null", digits = NA,
    Date = "ISO8601", POSIXt = "ISO8601", UTC = TRUE, raw = "base64", json_verbatim = TRUE
  )
}
