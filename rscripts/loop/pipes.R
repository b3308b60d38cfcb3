# The pipes between bootstrap and this worker, and the messages on them.

# open_io() opens a worker's pipes. It returns an environment: the connections `requests` and
# `replies`, their paths, and `pid`, the process that they belong to.
open_io <- function(request_path, reply_path) {
  list2env(
    list(
      pid = Sys.getpid(),
      request_path = request_path,
      reply_path = reply_path,
      requests = open_pipe(request_path, "rb"),
      replies = open_pipe(reply_path, "wb")
    ),
    envir = new.env(parent = emptyenv())
  )
}

# open_pipe() opens one pipe. With `raw = TRUE` R does not try to detect compression and
# encoding. The file descriptor stays open beside the connection, so it can be opened again.
open_pipe <- function(path, mode) {
  file(path, mode, raw = TRUE)
}

# restore_io() opens the pipes again that user code has closed, as closeAllConnections() does.
# No byte is lost, because bootstrap sends nothing while user code runs.
restore_io <- function(io) {
  io$replies <- restore_pipe(io$replies, io$reply_path, "wb")
  io$requests <- restore_pipe(io$requests, io$request_path, "rb")
}

# restore_pipe() returns `con` if it is still this pipe, or the pipe opened again. R may have
# given the number of a closed connection to a file of the user's, so the path is compared. (This
# runs for each log record: summary() and tryCatch() would take 15 us.)
restore_pipe <- function(con, path, mode) {
  is_open <- any(.Internal(getAllConnections()) == unclass(con))
  if (is_open && .Internal(summary.connection(con))$description == path) {
    con
  } else {
    open_pipe(path, mode)
  }
}

# read_message() reads a control frame. It returns NULL at the end of the stream.
read_message <- function(io) {
  bytes <- read_frame(io$requests)
  if (!is.null(bytes)) {
    text <- rawToChar(bytes) # bootstrap's, so it is valid
    Encoding(text) <- "UTF-8"
    json_helpers()$parse(text)
  }
}

# control_frame() returns the frame of a message with these fields, see control_json().
control_frame <- function(...) {
  frame_bytes(charToRaw(enc2utf8(control_json(...))))
}
