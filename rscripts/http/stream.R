# Streamed responses: each write of the handler is sent before the next one is made.

# call_writer() calls the function that the user passed to stream_response().
call_writer <- function(f, write) {
  call_user(quote(f(write)), list2env(list(f = f, write = write), parent = globalenv()))
}

# collect_stream() runs a stream for a source that does not take streams, and returns the whole
# response.
collect_stream <- function(value) {
  pieces <- list()
  call_writer(value$f, function(x) {
    in_runtime(pieces[[length(pieces) + 1L]] <<- stream_bytes(x))
    invisible()
  })
  response <- value$response
  response$body <- as.raw(unlist(pieces))
  response
}

stream_bytes <- function(x) {
  if (is.raw(x)) {
    return(as.vector(x))
  }
  if (!is.character(x)) {
    stop("write() takes text or raw bytes, not ", class(x)[[1L]], call. = FALSE)
  }
  if (anyNA(x)) {
    stop("write() cannot write NA", call. = FALSE)
  }
  text <- enc2utf8(as.character(x))
  if (!all(validUTF8(text))) {
    stop("write() takes text in valid UTF-8; write bytes as raw()", call. = FALSE)
  }
  charToRaw(paste(text, collapse = ""))
}
