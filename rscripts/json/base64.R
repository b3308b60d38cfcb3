# Base64: text to bytes and back.

# base64_bytes() decodes base64 text. It stops with a message that begins with `what` if the text
# is not base64, where jsonlite would decode the valid beginning.
base64_bytes <- function(text, what) {
  if (is_string(text) && grepl("[\r\n]", text)) {
    text <- gsub("[\r\n]", "", text)
  }
  if (!is_string(text) || nchar(text, "bytes") %% 4L != 0L || !grepl("^[A-Za-z0-9+/]*+={0,2}\\z", text, perl = TRUE)) {
    stop(what, " is not base64")
  }
  jsonlite::base64_dec(text)
}

# base64_text() encodes bytes on one line. jsonlite adds line breaks, which some decoders refuse.
base64_text <- function(bytes) gsub("\n", "", jsonlite::base64_enc(as.vector(unclass(bytes))), fixed = TRUE)
