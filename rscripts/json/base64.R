# Base64.

# base64_bytes() decodes base64, or stops and says that `what` is none. (jsonlite decodes
# what comes before the first character that is none.)
base64_bytes <- function(text, what) {
  if (is_text(text) && grepl("[\r\n]", text)) {
    text <- gsub("[\r\n]", "", text)
  }
  if (!is_text(text) || nchar(text, "bytes") %% 4L != 0L || !grepl("^[A-Za-z0-9+/]*+={0,2}\\z", text, perl = TRUE)) {
    stop(what, " is not base64")
  }
  jsonlite::base64_dec(text)
}

# base64_text() is base64 in one line: jsonlite breaks it, and not every decoder takes that.
base64_text <- function(bytes) gsub("\n", "", jsonlite::base64_enc(bytes), fixed = TRUE)
