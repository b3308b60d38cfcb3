# Log records: what R sends to bootstrap for Lambda's log.

# log_to() returns the function that logs records of one invocation, or of init. It
# returns when the record is in the log, so that what R prints next comes after it. A
# forked child, as parallel::mclapply makes them, must not write to the pipe that it
# shares, nor a finalizer that R runs while a record is on its way: theirs go to
# standard error.
log_to <- function(io, id) {
  function(level, message, call = NULL, fields = list()) {
    if (Sys.getpid() != io$pid || isTRUE(io$logging)) {
      cat(message, "\n", sep = "", file = stderr())
    } else {
      io$logging <- TRUE
      on.exit(io$logging <- FALSE)
      frame <- log_frame(id, level, message, call, fields)
      io$replies <- pipe_check(io$replies, reply_path, "wb")
      io$requests <- pipe_check(io$requests, request_path, "rb")
      suspendInterrupts({
        write_frames(io$replies, frame)
        read_frame(io$requests) # the ack
      })
    }
    invisible()
  }
}

# log_frame() is the frame of a log record. The JSON is put together by hand, as toJSON()
# of a list takes longer than all the rest of a message().
log_frame <- function(id, level, message, call, fields) {
  members <- c(
    type = "\"log\"",
    id = if (is.null(id)) "null" else json_string(id),
    level = json_string(level),
    message = json_string(clean_text(message, 1048576L)),
    call = json_string(if (is.null(call)) "" else call_text(call)),
    fields = if (length(fields)) do.call(control_json, lapply(fields, field_text))
  )
  frame_bytes(charToRaw(enc2utf8(paste0("{", paste0("\"", names(members), "\":", members, collapse = ","), "}"))))
}

# field_text() is a field of a log record: a number or a truth value as it is, text and
# anything else as text.
field_text <- function(x) {
  if (length(x) == 1L && (is.numeric(x) || is.logical(x)) && !is.object(x)) {
    return(x)
  }
  clean_text(if (is.character(x)) x else encode_or_fail(x), 65536L)
}
