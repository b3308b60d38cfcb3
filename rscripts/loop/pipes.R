# The pipes between bootstrap and this worker, and the messages on them.

# Where the protocol's pipes are. /dev/fd may be missing in Lambda.
request_path <- "/proc/self/fd/3"
reply_path <- "/proc/self/fd/4"

# pipe_open() opens one end of the protocol. `raw = TRUE`, because R would try to
# guess compression and encoding otherwise. The file descriptor stays open beside
# the connection, so that it can be opened again.
pipe_open <- function(path, mode) {
  file(path, mode, raw = TRUE)
}

# pipe_check() returns `con`, or the same pipe opened again when user code closed
# it with closeAllConnections(). R may have given its number to a file of the
# user's since, so the description is compared too. Nothing is lost: while the
# handler runs, no byte is on its way to us.
pipe_check <- function(con, path, mode) {
  is_ours <- tryCatch(
    identical(summary.connection(con)$description, path),
    error = function(e) FALSE
  )
  if (is_ours) con else pipe_open(path, mode)
}

# read_message() reads a control frame; NULL at the end of the stream.
read_message <- function(io) {
  bytes <- read_frame(io$requests)
  if (!is.null(bytes)) {
    parse_text(bytes_to_text(bytes), FALSE)
  }
}

control_frame <- function(...) {
  frame_bytes(charToRaw(enc2utf8(control_json(...))))
}
