# Frames: a length of four bytes, big-endian, and that many bytes. The byte table
# is in protocol/doc.go.

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

# read_bytes() reads exactly `n` bytes; NULL when the stream ends before.
read_bytes <- function(con, n) {
  bytes <- readBin(con, "raw", n)
  if (length(bytes) == n) {
    return(bytes)
  }
  parts <- list(bytes)
  got <- length(bytes)
  while (got < n) {
    bytes <- readBin(con, "raw", n - got)
    if (length(bytes) == 0L) {
      return(NULL)
    }
    got <- got + length(bytes)
    parts[[length(parts) + 1L]] <- bytes
  }
  do.call(c, parts)
}

# read_frame() returns the body of the next frame as raw bytes, or NULL at the end
# of the stream. A length of 2 GiB or more is none that bootstrap sends.
read_frame <- function(con) {
  header <- read_bytes(con, 4L)
  if (is.null(header)) {
    return(NULL)
  }
  n <- readBin(header, "integer", 1L, size = 4L, endian = "big")
  if (is.na(n) || n < 0L) {
    stop("frame of 2 GiB or more")
  }
  if (n == 0L) {
    return(raw())
  }
  read_bytes(con, n)
}

# frame_bytes() returns the frame whose body is `body`, raw bytes.
frame_bytes <- function(body) {
  c(writeBin(length(body), raw(), size = 4L, endian = "big"), body)
}

# write_frames() writes whole frames, each an element of `...` as raw bytes, with
# one call. An interrupt must not cut a frame short.
write_frames <- function(con, ...) {
  suspendInterrupts({
    writeBin(c(...), con)
    flush(con)
  })
  invisible()
}
