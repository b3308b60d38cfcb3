# Log records: what R sends to bootstrap for Lambda's log.

# log_to() returns a function that logs a record of the invocation `id`, or of init if `id` is
# NULL. The function returns when the record is in the log, so that later output comes after
# it.
#
# Two callers must not write to the pipe: a forked child, as parallel::mclapply() makes them,
# which shares it, and a finalizer that R runs while another record is being sent. Their
# records go to standard error.
log_to <- function(io, id) {
  function(level, message, call = NULL, fields = list(), load = NULL) {
    if (Sys.getpid() != io$pid || isTRUE(io$logging)) {
      cat(message, "\n", sep = "", file = stderr())
    } else {
      io$logging <- TRUE
      on.exit(io$logging <- FALSE)
      frame <- log_frame(id, level, message, call, fields, load)
      restore_io(io)
      suspendInterrupts({
        write_frames(io$replies, frame)
        read_frame(io$requests) # the ack
      })
    }
    invisible()
  }
}

# log_frame() returns the frame of a log record. It joins the JSON by hand, because toJSON()
# of a list takes longer than the rest of a message().
log_frame <- function(id, level, message, call, fields, load = NULL) {
  members <- c(
    type = "\"log\"",
    id = if (is.null(id)) "null" else json_string(id),
    level = json_string(level),
    message = json_string(clean_text(message, 1048576L)),
    call = json_string(if (is.null(call)) "" else call_text(call)),
    fields = if (length(fields)) do.call(control_json, lapply(fields, log_field)),
    load = if (!is.null(load)) do.call(control_json, load)
  )
  json <- paste0("{", paste0("\"", names(members), "\":", members, collapse = ","), "}")
  frame_bytes(charToRaw(enc2utf8(json)))
}

# log_field() returns a field of a log record: a single number or logical unchanged, anything
# else as text.
log_field <- function(x) {
  if (length(x) == 1L && (is.numeric(x) || is.logical(x)) && !is.object(x)) {
    return(x)
  }
  clean_text(if (is.character(x)) x else encode_or_fail(x), 65536L)
}
