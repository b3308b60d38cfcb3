# Chunks: each write() of a streamed response is sent before the next one is made.

# max_chunk is the size limit of a chunk, in bytes: MaxChunk in protocol/frame.go.
max_chunk <- 1048576L

# run_stream() runs the stream that a handler returned.
run_stream <- function(value, invocation) {
  stream <- new.env(parent = emptyenv())
  stream$io <- invocation$io
  stream$id <- invocation$frame$id
  head <- stream_head(value$response, invocation$event$source)
  stream$first <- do.call(control_frame, c(list(type = "chunk", id = stream$id), head))
  stream$other <- control_frame(type = "chunk", id = stream$id)
  stream$begun <- FALSE
  stream$closed <- NULL # the reason why write() fails
  invocation$stream <- stream
  call_writer(value$f, function(x) in_runtime(write_stream(stream, x)))
  if (!stream$begun) {
    write_chunk(stream, raw())
  }
}

# stream_head() returns the fields that the first chunk carries.
stream_head <- function(response, source) {
  if (is_http(source)) {
    # Function URLs and API Gateway take it in the form of payload version 2.0.
    result <- proxy_result(response, list(source = "http"))
    list(prelude = result[intersect(c("statusCode", "headers", "cookies"), names(result))])
  } else {
    types <- response$headers[tolower(names(response$headers)) == "content-type"]
    list(content_type = if (length(types)) types[[1L]][[1L]] else "")
  }
}

# write_stream() writes text or bytes, in chunks.
write_stream <- function(stream, x) {
  bytes <- stream_bytes(x)
  start <- 0
  repeat {
    end <- min(start + max_chunk, length(bytes))
    whole <- start == 0 && end == length(bytes)
    write_chunk(stream, if (whole) bytes else bytes[(start + 1):end])
    start <- end
    if (start == length(bytes)) {
      return(invisible())
    }
  }
}

# write_chunk() sends one chunk and waits until bootstrap has passed it on. No interrupt may come
# in between: the next invocation would read the reply to this chunk. If the deadline passes while
# bootstrap waits for the caller, bootstrap replies at once.
write_chunk <- function(stream, bytes) {
  io <- stream$io
  if (Sys.getpid() != io$pid) {
    stop("write() works only in the handler's process, not in a fork of it", call. = FALSE)
  }
  if (!is.null(stream$closed)) {
    stop_closed(stream)
  }
  suspendInterrupts({
    restore_io(io)
    control <- if (stream$begun) stream$other else stream$first
    stream$begun <- TRUE
    write_frames(io$replies, control, frame_bytes(bytes))
    ack <- read_message(io)
  })
  if (!identical(ack$type, "ack")) {
    stream$closed <- "bootstrap has gone"
  } else if (!is.null(ack$gone)) {
    stream$closed <- ack$gone
  }
  if (!is.null(stream$closed)) {
    stop_closed(stream)
  }
}

stop_closed <- function(stream) {
  stop(structure(
    class = c("stream_closed", "error", "condition"),
    list(message = paste0("the stream is closed: ", stream$closed), call = NULL)
  ))
}

# end_stream() ends a stream: as complete, or with a failure. It returns FALSE if there is no
# stream, or it has not begun. `steps` is what step_times() returned.
end_stream <- function(stream, failed, r_ms, steps = NULL) {
  if (is.null(stream)) {
    return(FALSE)
  }
  stream$closed <- "it has ended" # in case user code kept write()
  if (stream$begun) {
    error <- if (!is.null(failed)) unclass(failed)
    write_frames(stream$io$replies, control_frame(type = "end", id = stream$id, r_ms = r_ms, steps = steps, error = error))
  }
  stream$begun
}
