# The loop: receive an invocation, evaluate it, answer it.

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
  current$frame <- frame
  current$event <- NULL
  current$io <- io
  current$stream <- NULL
  current$log <- log_to(io, frame$id)
  json <- with_conditions(
    function() with_interrupts(evaluate(event, handler, name, takes)),
    log = current$log
  )
  end_fork(io)
  reset_output()
  close_devices()
  io$replies <- pipe_check(io$replies, reply_path, "wb")
  io$requests <- pipe_check(io$requests, request_path, "rb")
  failed <- if (inherits(json, "failure")) json else attr(json, "failure")
  r_ms <- (as.numeric(Sys.time()) - started) * 1000
  if (end_stream(current$stream, failed, r_ms)) {
    return(invisible())
  }
  if (inherits(json, "failure") && is_http(current$event$source) && failed$type != "Runtime.Interrupted") {
    # The caller of an HTTP source gets a response all the same.
    told <- attr(failed, "answer")
    json <- tryCatch(
      failure_response(told, current$event$request, frame$id),
      error = function(e) failure_response(NULL, current$event$request, frame$id)
    )
    if (!is.null(told) && told$code < 500L) {
      current$log("info", paste0("answered ", told$code, ": ", failed$message), NULL)
      failed <- NULL # the caller's fault, or just an answer
    }
  }
  if (inherits(json, "failure")) {
    write_frames(io$replies, control_frame(type = "error", id = frame$id, r_ms = r_ms, error = unclass(json)))
    return(invisible())
  }
  control <- if (!is.null(failed)) {
    control_frame(type = "result", id = frame$id, r_ms = r_ms, error = unclass(failed))
  } else {
    # sprintf(), because paste0() would write the user's decimal mark, options(OutDec).
    frame_bytes(charToRaw(sprintf("{\"type\":\"result\",\"id\":%s,\"r_ms\":%.3f}", json_string(frame$id), r_ms)))
  }
  write_frames(io$replies, control, frame_bytes(charToRaw(json)))
}
