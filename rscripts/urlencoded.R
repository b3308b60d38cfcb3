# Query strings and form bodies.

# parse_query() returns the parameters of a query string or of an urlencoded form, in
# their order: a named list of character vectors. A key that comes more than once is one
# vector; commas are part of a value.
parse_query <- function(text) {
  parts <- strsplit(text, "&", fixed = TRUE)[[1L]]
  parts <- parts[nzchar(parts)]
  if (!length(parts)) {
    return(list())
  }
  equals <- regexpr("=", parts, fixed = TRUE)
  has_value <- equals > 0L
  keys <- ifelse(has_value, substr(parts, 1L, equals - 1L), parts)
  values <- ifelse(has_value, substring(parts, equals + 1L), "")
  gather(percent_decode(keys, plus = TRUE), percent_decode(values, plus = TRUE))
}

# gather() makes a named list of vectors of keys and their values.
gather <- function(keys, values) {
  found <- unique(keys)
  if (length(found) == length(keys)) {
    gathered <- as.list(values)
  } else {
    gathered <- unname(split(values, factor(match(keys, found), seq_along(found))))
  }
  names(gathered) <- found
  gathered
}

# percent_decode() decodes %41 to A in each string, and with `plus` + to a space. What
# is not UTF-8 afterwards, or has a NUL, stays as it came.
percent_decode <- function(x, plus = FALSE) {
  if (plus) {
    x <- gsub("+", " ", x, fixed = TRUE)
  }
  coded <- grepl("%[0-9A-Fa-f]{2}", x)
  x[coded] <- vapply(x[coded], percent_decode_one, "", USE.NAMES = FALSE)
  x
}

percent_decode_one <- function(text) {
  at <- gregexpr("%[0-9A-Fa-f]{2}", text, useBytes = TRUE)[[1L]]
  bytes <- charToRaw(text)
  digits <- rawToChar(bytes[c(rbind(at + 1L, at + 2L))])
  decoded <- as.raw(strtoi(substring(digits, seq(1L, nchar(digits), 2L), seq(2L, nchar(digits), 2L)), 16L))
  bytes[at] <- decoded
  bytes <- bytes[-c(at + 1L, at + 2L)]
  tryCatch(bytes_to_text(bytes), error = function(e) text)
}
