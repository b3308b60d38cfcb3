# Log records: what R sends to bootstrap for Lambda's log.
#
# A record is a line on standard error that begins with a secret tag, and a mark on standard
# output keeps its place there; see worker/process/merge.go. So R waits for nothing, and output
# of R code, C code and records stays in order. A forked child, as parallel::mclapply() makes them,
# sends records in the same way, but without marks.

# max_record is the size, in bytes, up to which a write to a pipe is not divided (PIPE_BUF). Longer
# records are sent in pieces.
max_record <- 4096L

# open_log() opens the log of the worker `io` as `hello` asks for.
open_log <- function(io, hello, out_path = "/proc/self/fd/1", err_path = "/proc/self/fd/2") {
  io$log_tag <- hello$log_tag
  io$log_level <- if (is_string(hello$log_level)) log_levels[[hello$log_level]] else log_levels[["info"]]
  io$log_count <- 0
  io$log_busy <- FALSE
  io$out_path <- out_path
  io$err_path <- err_path
  io$out <- open_pipe(out_path, "wb")
  io$err <- open_pipe(err_path, "wb")
}

# log_to() returns a function that logs a record of the invocation `id`, or of init if `id` is
# NULL. It evaluates the message and the fields only if their level is logged. `line`, the text of
# a JSON object, goes to the log unchanged instead, whatever the level.
log_to <- function(io, id) {
  force(id)
  start <- NULL
  begin <- function() {
    if (is.null(start)) { # at the first record: most invocations have none
      start <<- paste0("{\"id\":", if (is.null(id)) "null" else json_string(id))
    }
    start
  }
  function(level, message, call = NULL, fields = list(), load = NULL, line = NULL) {
    if (!is.null(line)) {
      send_record(io, paste0(begin(), ",\"line\":", line, "}"))
    } else if (log_levels[[level]] >= io$log_level) {
      send_record(io, paste0(begin(), record_members(level, message, call, fields, load), "}"))
    }
    invisible()
  }
}

# record_members() returns the members of a record as JSON. It joins them by hand, because
# toJSON() of a list takes longer than the rest of a message().
record_members <- function(level, message, call, fields, load) {
  paste0(
    ",\"level\":\"", level, "\",\"message\":", json_string(clean_text(message, 1048576L)),
    if (!is.null(call)) paste0(",\"call\":", json_string(call_text(call))),
    if (length(fields)) paste0(",\"fields\":", join_one(vapply(fields, log_field, character(1)), names(fields))),
    if (!is.null(load)) paste0(",\"load\":", do.call(control_json, load))
  )
}

# send_record() sends the JSON of a record. A finalizer that R runs meanwhile may send another
# one: it is sent afterwards.
send_record <- function(io, json) {
  if (io$log_busy) {
    io$log_waiting <- c(io$log_waiting, json)
    return(invisible())
  }
  io$log_busy <- TRUE
  on.exit(io$log_busy <- FALSE)
  suspendInterrupts({
    io$err <- restore_pipe(io$err, io$err_path, "wb")
    io$out <- restore_pipe(io$out, io$out_path, "wb")
    repeat {
      write_record(io, json)
      if (!length(io$log_waiting)) {
        break
      }
      json <- io$log_waiting[[1L]]
      io$log_waiting <- io$log_waiting[-1L]
    }
  })
  invisible()
}

# write_record() writes a record and its mark. Number 0 is a record without a mark.
write_record <- function(io, json) {
  pid <- Sys.getpid()
  is_worker <- pid == io$pid
  number <- if (is_worker) io$log_count <- io$log_count + 1 else 0
  line <- charToRaw(enc2utf8(sprintf("%s%d %.0f %s\n", io$log_tag, pid, number, json)))
  if (length(line) > max_record) {
    write_pieces(io, sprintf("%s%d %.0f", io$log_tag, pid, number), charToRaw(enc2utf8(json)))
  } else {
    write_line(io$err, line)
  }
  if (is_worker) {
    write_line(io$out, charToRaw(sprintf("%s%.0f\n", io$log_tag, number)))
  }
}

# write_pieces() writes a record, as raw bytes, in lines that are written whole.
write_pieces <- function(io, start, bytes) {
  size <- max_record - nchar(start, "bytes") - 3L
  first <- 1
  while (first <= length(bytes)) {
    last <- min(first + size - 1, length(bytes))
    more <- if (last < length(bytes)) "+ " else " "
    write_line(io$err, c(charToRaw(paste0(start, more)), bytes[first:last], as.raw(10L)))
    first <- last + 1
  }
}

# write_line() writes raw bytes with one call. (writeBin() and flush() are these .Internals, but
# take twice the time.)
write_line <- function(con, bytes) {
  .Internal(writeBin(bytes, con, NA_integer_, FALSE, FALSE))
  .Internal(flush(con))
}
