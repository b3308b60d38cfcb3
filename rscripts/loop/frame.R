# Frames: a length of four bytes, big-endian, and that many bytes. The byte table is in
# protocol/doc.go.
#
# readBin(), writeBin() and flush() are called as the .Internals that they wrap: their checks would
# take longer than the rest of a frame.

# swaps is TRUE if this machine's bytes are not in the order of a frame's length.
swaps <- .Platform$endian != "big"

# read_bytes() reads exactly `n` bytes. It returns NULL if the stream ends before.
read_bytes <- function(con, n) {
  bytes <- .Internal(readBin(con, "raw", n, NA_integer_, TRUE, FALSE))
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

# read_frame() returns the body of the next frame as raw bytes, or NULL at the end of the
# stream. It stops at a length of 2 GiB or more, which bootstrap never sends.
read_frame <- function(con) {
  header <- read_bytes(con, 4L)
  if (is.null(header)) {
    return(NULL)
  }
  n <- .Internal(readBin(header, "integer", 1L, 4L, TRUE, swaps))
  if (is.na(n) || n < 0L) {
    stop("frame of 2 GiB or more")
  }
  if (n == 0L) {
    return(raw())
  }
  read_bytes(con, n)
}

# frame_bytes() returns the frame with this body, raw bytes.
frame_bytes <- function(body) {
  c(.Internal(writeBin(length(body), raw(), 4L, swaps, FALSE)), body)
}

# write_frames() writes frames, raw bytes, with one call. Interrupts wait, because one must
# not cut a frame short.
write_frames <- function(con, ...) {
  suspendInterrupts({
    .Internal(writeBin(c(...), con, NA_integer_, FALSE, FALSE))
    .Internal(flush(con))
  })
  invisible()
}
