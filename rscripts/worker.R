# The worker: one loop that receives, evaluates and answers.

# run_worker() serves until bootstrap closes the request pipe or says shutdown. Then
# R ends, so that it does not go on to read its script.
run_worker <- function() {
  io <- new.env(parent = emptyenv())
  io$pid <- Sys.getpid()
  io$requests <- pipe_open(request_path, "rb")
  io$replies <- pipe_open(reply_path, "wb")
  options(keep.source = TRUE)
  attach_helpers()
  hello <- read_message(io)
  if (!is.null(hello)) {
    suspendInterrupts(become_ready(io, hello$handler))
  }
  quit(save = "no")
}

# become_ready() loads the handler, says so or why not, and serves it.
become_ready <- function(io, handler_name) {
  handler <- with_conditions(
    function() allowInterrupts(load_handler(handler_name)),
    log = log_to(io, NULL)
  )
  reset_output()
  if (inherits(handler, "failure")) {
    write_frames(io$replies, control_frame(type = "init_error", error = unclass(handler)))
    return(invisible())
  }
  takes <- handler_arguments(handler)
  write_frames(io$replies, control_frame(
    type = "ready",
    r_version = as.character(getRversion()),
    required = I(takes$required)
  ))
  serve(io, handler, parse_handler(handler_name)$name, takes)
}

# serve() is the loop. Interrupts are let in only while an invocation runs.
serve <- function(io, handler, name, takes) {
  repeat {
    frame <- read_message(io)
    if (is.null(frame)) {
      return(invisible()) # bootstrap has gone, and nobody would hear of the hooks
    }
    if (identical(frame$type, "shutdown")) {
      return(run_shutdown_hooks(log_to(io, NULL)))
    }
    event <- read_frame(io$requests)
    absorb_interrupt()
    answer(io, frame, event, handler, name, takes)
  }
}

# answer() runs one invocation and writes its one result or error.
answer <- function(io, frame, event, handler, name, takes) {
  started <- as.numeric(Sys.time())
  set_trace_id(frame$trace_id)
  json <- with_conditions(
    function() {
      allowInterrupts({
        decoded <- decode_event(event)
        args <- bind_arguments(decoded$value, decoded$is_object, takes, name)
        if (takes$context) {
          args["context"] <- list(new_context(frame))
        }
        value <- call_handler(handler, name, args)
        encode_or_fail(value)
      })
    },
    log = log_to(io, frame$id)
  )
  reset_output()
  io$replies <- pipe_check(io$replies, reply_path, "wb")
  io$requests <- pipe_check(io$requests, request_path, "rb")
  r_ms <- (as.numeric(Sys.time()) - started) * 1000
  if (inherits(json, "failure")) {
    write_frames(io$replies, control_frame(type = "error", id = frame$id, r_ms = r_ms, error = unclass(json)))
  } else {
    # sprintf(), because paste0() would write the user's decimal mark, options(OutDec).
    control <- sprintf("{\"type\":\"result\",\"id\":%s,\"r_ms\":%.3f}", json_string(frame$id), r_ms)
    write_frames(io$replies, frame_bytes(charToRaw(control)), frame_bytes(charToRaw(json)))
  }
}

# absorb_interrupt() takes a SIGINT that came while no invocation was running, so
# that it does not hit the next one.
absorb_interrupt <- function() {
  tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = function(e) NULL)
}

# read_message() reads a control frame; NULL at the end of the stream.
read_message <- function(io) {
  bytes <- read_frame(io$requests)
  if (!is.null(bytes)) {
    parse_text(bytes_to_text(bytes), FALSE)
  }
}

control_frame <- function(...) {
  frame_bytes(charToRaw(enc2utf8(control_json(...))))
}

# log_to() returns the function that logs records of one invocation, or of init. A
# forked child, as parallel::mclapply makes them, must not write to the pipe that
# it shares: its records go to standard error.
log_to <- function(io, id) {
  function(level, message, call) {
    if (Sys.getpid() != io$pid) {
      cat(message, "\n", sep = "", file = stderr())
    } else {
      io$replies <- pipe_check(io$replies, reply_path, "wb")
      write_frames(io$replies, control_frame(
        type = "log", id = id, level = level,
        message = clean_text(message, 1048576L),
        call = if (!is.null(call)) call_text(call) else ""
      ))
    }
  }
}

# reset_output() undoes what a handler left in the way of the log: a sink. It runs at
# every invocation, and sink.number() takes twenty times as long as its .Internal.
reset_output <- function() {
  while (.Internal(sink.number(TRUE)) > 0L) {
    sink()
  }
  if (.Internal(sink.number(FALSE)) != 2L) {
    sink(type = "message")
  }
  flush(stdout())
}
