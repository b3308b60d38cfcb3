# Compression: gzip and zlib, with a limit on the result.

# decompress() returns the content of a gzip or zlib stream. It stops if the content is larger than
# `limit`, in bytes, or if the stream is damaged. `what` names the stream in the error.
#
# (memDecompress() uses up all memory if the end of a stream is missing.)
decompress <- function(bytes, what, limit) {
  if (is_gzip(bytes)) gunzip(bytes, what, limit) else inflate(bytes, what, limit)
}

is_gzip <- function(bytes) length(bytes) > 2L && bytes[[1L]] == as.raw(0x1fL) && bytes[[2L]] == as.raw(0x8bL)

# gunzip() decompresses gzip of one member. Its last four bytes are the length of the content.
gunzip <- function(bytes, what, limit) {
  n <- length(bytes)
  size <- if (n >= 18L) sum(as.integer(bytes[(n - 3L):n]) * 256^(0:3)) else 0
  if (size > limit) {
    stop(what, " is not gzip, or decompresses to more than ", limit / 2^20, " MB")
  }
  content <- read_gzip(bytes, size + 1)
  # Without content, only deflate's code for that shows that it is gzip.
  if (length(content) != size || size == 0 && !identical(bytes[n - 9:8], as.raw(c(3L, 0L)))) {
    stop(what, " is not gzip, or its end is missing")
  }
  content
}

# inflate() decompresses zlib, which is deflate between two bytes of header and a checksum. R reads
# it as gzip without the checksum of gzip, which makes R print "crc error".
inflate <- function(bytes, what, limit) {
  n <- length(bytes)
  header <- as.integer(utils::head(bytes, 2L))
  if (n < 6L || header[[1L]] %% 16L != 8L || (header[[1L]] * 256L + header[[2L]]) %% 31L != 0L) {
    stop(what, " is not gzip or zlib")
  }
  gzip <- c(as.raw(c(0x1fL, 0x8bL, 8L, 0L, 0L, 0L, 0L, 0L, 0L, 0xffL)), bytes[3:(n - 4L)])
  content <- with_silent_stderr(read_gzip(gzip, limit + 1))
  if (length(content) > limit) {
    stop(what, " decompresses to more than ", limit / 2^20, " MB")
  }
  checksum <- as.integer(bytes[(n - 3L):n])
  if (!identical(adler32(content), c(checksum[1:2] %*% c(256, 1), checksum[3:4] %*% c(256, 1)))) {
    stop(what, " is damaged, or its end is missing")
  }
  content
}

# read_gzip() returns the first n bytes of the content of gzip, or all if there are fewer. It reads
# in pieces, because n may be much more than there is.
read_gzip <- function(bytes, n) {
  con <- rawConnection(bytes)
  on.exit(close(con))
  con <- gzcon(con, allowNonCompressed = FALSE)
  pieces <- list()
  got <- 0
  while (got < n) {
    piece <- tryCatch(readBin(con, "raw", min(n - got, max(got, 2^16))), error = function(e) raw())
    if (!length(piece)) {
      break
    }
    pieces[[length(pieces) + 1L]] <- piece
    got <- got + length(piece)
  }
  as.raw(unlist(pieces))
}

# with_silent_stderr() evaluates `expr` without what R's C code prints to standard error.
with_silent_stderr <- function(expr) {
  old <- sink.number(type = "message")
  con <- file(nullfile(), "w")
  sink(con, type = "message")
  on.exit({
    if (old == 2L) sink(type = "message") else sink(getConnection(old), type = "message")
    close(con)
  })
  expr
}

# adler32() returns the two halves of zlib's checksum. It goes in blocks, because a vector of
# doubles takes eight times the memory of the bytes.
adler32 <- function(bytes) {
  a <- 1
  b <- 0
  for (start in seq(1, by = 2^16, length.out = ceiling(length(bytes) / 2^16))) {
    block <- as.integer(bytes[start:min(start + 2^16 - 1, length(bytes))])
    n <- length(block)
    b <- (b + n * a + sum(as.numeric(n:1) * block)) %% 65521
    a <- (a + sum(block)) %% 65521
  }
  c(b, a)
}
