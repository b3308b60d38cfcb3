# Frames: a length of four bytes, big-endian, and that many bytes. The byte table is in
# protocol/doc.go.

# read_bytes() reads exactly `n` bytes. It returns NULL if the stream ends before.
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

# read_frame() returns the body of the next frame as raw bytes, or NULL at the end of the
# stream. It stops at a length of 2 GiB or more, which bootstrap never sends.
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

# frame_bytes() returns the frame with this body, raw bytes.
frame_bytes <- function(body) {
  c(writeBin(length(body), raw(), size = 4L, endian = "big"), body)
}

# write_frames() writes frames, raw bytes, with one call. Interrupts wait, because one must
# not cut a frame short.
write_frames <- function(con, ...) {
  suspendInterrupts({
    writeBin(c(...), con)
    flush(con)
  })
  invisible()
}
