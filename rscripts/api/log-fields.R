# The levels and the fields of log records.

log_levels <- c(trace = 1L, debug = 2L, info = 3L, warn = 4L, error = 5L, fatal = 6L)

# log_field() returns the JSON of a field of a log record. One that is too long becomes text.
log_field <- function(x) {
  json <- if (is_string(x)) json_string(clean_text(x)) else encode_or_fail(x)
  if (nchar(json, "bytes") > 65536L) json_string(clean_text(json)) else json
}
