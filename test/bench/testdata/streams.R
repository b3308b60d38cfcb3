# Streams mb chunks of 1 MiB, or n lines, each in a chunk.
stream <- function(mb = 0, n = 0) stream_response(function(write) {
  piece <- raw(1048576)
  for (i in seq_len(mb)) write(piece)
  for (i in seq_len(n)) write("a line of a stream that is about as long as one of these\n")
})
