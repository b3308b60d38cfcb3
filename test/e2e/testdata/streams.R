# Handlers that stream.

# n chunks of so many bytes.
chunks <- function(n, size = 1048576) stream_response(function(write) {
  for (i in seq_len(n)) {
    write(raw(size))
  }
})

# Lines, with log records between them.
lines <- function(n = 3, fail = "") stream_response(
  function(write) {
    for (i in seq_len(n)) {
      message("line ", i)
      write(paste0("line ", i, "\n"))
    }
    switch(fail,
      stop = stop("100%s of %d {x}"),
      quit = quit(status = 3),
      segfault = tools::pskill(Sys.getpid(), 11L),
      hang = repeat 1,
      write = repeat write(raw(65536))
    )
  },
  status_code = 201L, content_type = "text/csv", headers = list("X-A" = "b"), cookies = "s=1"
)

empty <- function() stream_response(function(write) NULL)
fails <- function() stream_response(function(write) stop("too early"))

# Goes on when the caller has gone, and logs that.
stubborn <- function() stream_response(function(write) {
  repeat {
    done <- tryCatch({ write(raw(65536)); FALSE }, stream_closed = function(e) { message("closed: ", conditionMessage(e)); TRUE })
    if (done) break
  }
})

pid <- function() Sys.getpid()
run <- function(what, with = list()) do.call(what, with)
