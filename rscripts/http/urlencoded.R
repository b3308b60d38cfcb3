# Query strings and form bodies.

# parse_query() returns the parameters of a query string or of an urlencoded form, in their order:
# a named list of character vectors. Repeated keys share one vector; commas are part of a value.
# charset: the encoding of the decoded bytes, as request_charset() returns it.
parse_query <- function(text, charset = NULL) {
  parts <- strsplit(text, "&", fixed = TRUE)[[1L]]
  parts <- parts[nzchar(parts)]
  if (!length(parts)) {
    return(list())
  }
  equals <- regexpr("=", parts, fixed = TRUE)
  has_value <- equals > 0L
  keys <- ifelse(has_value, substr(parts, 1L, equals - 1L), parts)
  values <- ifelse(has_value, substring(parts, equals + 1L), "")
  collect_values(percent_decode(keys, plus = TRUE, charset), percent_decode(values, plus = TRUE, charset))
}

# collect_values() returns a list with the values of each key, by key.
collect_values <- function(keys, values) {
  distinct <- unique(keys)
  if (length(distinct) == length(keys)) {
    grouped <- as.list(values)
  } else {
    grouped <- unname(split(values, factor(match(keys, distinct), seq_along(distinct))))
  }
  names(grouped) <- distinct
  grouped
}

# percent_decode() decodes %41 to A in each string and, with `plus`, + to a space. A string that
# would not be UTF-8 afterwards, or would contain a NUL, stays as it came.
percent_decode <- function(x, plus = FALSE, charset = NULL) {
  if (plus) {
    x <- gsub("+", " ", x, fixed = TRUE)
  }
  coded <- grepl("%[0-9A-Fa-f]{2}", x)
  if (any(coded)) {
    x[coded] <- percent_decode_coded(x[coded], charset)
  }
  x
}

# percent_decode_coded() decodes all strings at once, in one vector of bytes: a call for each would
# take seconds for a long form. A line feed after each keeps a code from reaching into the next.
percent_decode_coded <- function(x, charset) {
  bytes <- charToRaw(paste0(x, "\n", collapse = ""))
  ends <- cumsum(nchar(x, "bytes") + 1L)
  at <- which(bytes == as.raw(0x25L))
  value <- 16L * hex_digit(bytes[at + 1L]) + hex_digit(bytes[at + 2L])
  at <- at[!is.na(value)]
  bytes[at] <- as.raw(value[!is.na(value)])
  has_nul <- findInterval(at[bytes[at] == as.raw(0L)], ends) + 1L
  bytes[at[bytes[at] == as.raw(0L)]] <- as.raw(0x20L)
  bytes[ends] <- as.raw(0L) # ends a string for readBin()
  decoded <- readBin(bytes[-c(at + 1L, at + 2L)], "character", length(x))
  if (!is.null(charset)) {
    decoded <- iconv(decoded, charset, "UTF-8", sub = "\ufffd")
  }
  Encoding(decoded) <- "UTF-8"
  left <- !validUTF8(decoded)
  left[has_nul] <- TRUE
  decoded[left] <- x[left]
  decoded
}

# hex_digit() returns the value of each byte as a hexadecimal digit, NA if it is not one.
hex_digit <- function(bytes) {
  (match(bytes, charToRaw("0123456789abcdef0123456789ABCDEF")) - 1L) %% 16L
}

# percent_encode() encodes every byte but letters, digits and - . _ ~.
percent_encode <- function(x) {
  codes <- sprintf("%%%02X", 0:255)
  plain <- as.integer(charToRaw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"))
  codes[plain + 1L] <- rawToChar(as.raw(plain), multiple = TRUE)
  vapply(enc2utf8(x), function(text) paste(codes[as.integer(charToRaw(text)) + 1L], collapse = ""), character(1), USE.NAMES = FALSE)
}
