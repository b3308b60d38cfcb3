# The loop: receive an invocation, evaluate it, reply.

# serve() answers invocations on the pipes `io`, one at a time, until bootstrap closes them or
# sends `shutdown`. It also goes through the phases of SnapStart. It must be called with interrupts
# suspended: they are let in only while user code runs. It returns NULL or, in a process that it has
# forked as a `fork` frame asks for, that frame.
serve <- function(handler, io) {
  repeat {
    frame <- read_message(io)
    if (is.null(frame)) {
      return(invisible()) # bootstrap has died, so nothing could log what the hooks do
    }
    if (identical(frame$type, "invoke")) {
      absorb_interrupt()
      answer(frame, read_frame(io$requests), handler, io)
    } else if (identical(frame$type, "shutdown")) {
      current$log <- log_to(io, NULL)
      restore_process_state(current$log)
      return(run_shutdown_hooks(current$log))
    } else if (identical(frame$type, "fork")) {
      if (fork_worker(frame, io)) {
        return(frame)
      }
    } else if (frame$type %in% c("check", "threads", "template")) {
      prepare_service(frame, handler, io)
    } else {
      absorb_interrupt()
      handler <- enter_phase(frame, handler, io)
    }
  }
}

# answer() runs one invocation and writes its one reply. `frame` is the invoke frame, `bytes`
# are the event.
answer <- function(frame, bytes, handler, io) {
  started <- now_ms()
  force(bytes)
  set_trace_id(frame$trace_id)
  if (!is.null(frame$env)) {
    set_env(frame$env)
  }
  invocation <- new_invocation(frame, io)
  invocation$tables <- TRUE
  if (isTRUE(frame$decoded)) {
    invocation$serialized <- read_frame(io$requests)
  }
  invocation$send <- operation_sender(io, frame$id)
  current$invocation <- invocation
  current$log <- invocation$log
  install_handlers()
  restore_process_state(invocation$log)
  result <- with_conditions(
    function() with_interrupts(evaluate(invocation, handler, bytes)),
    invocation$log
  )
  end_user_code(io)
  r_ms <- now_ms() - started
  reply(invocation, result, r_ms)
  if (length(invocation$sent_files)) {
    unlink(invocation$sent_files)
  }
  current$invocation <- NULL
}

# end_user_code() undoes what user code left behind that would disturb what comes next.
end_user_code <- function(io) {
  end_fork(io$pid)
  reset_output()
  close_devices()
  restore_io(io)
}

# reply() writes the one reply to an invocation: the end of its stream, its result, or an
# error. `result` is what evaluate() returned, or a failure.
reply <- function(invocation, result, r_ms) {
  failure <- if (inherits(result, "failure")) result else attr(result, "failure")
  if (is_suspended(invocation) && !identical(failure$type, "Runtime.Interrupted")) {
    return(reply_suspended(invocation, failure, r_ms))
  }
  steps <- step_times(invocation, r_ms)
  if (end_stream(invocation$stream, failure, r_ms, steps)) {
    return(invisible())
  }
  interrupted <- identical(failure$type, "Runtime.Interrupted") # bootstrap reports a timeout
  if (inherits(result, "failure") && is_http(invocation$event$source) && !interrupted) {
    result <- error_response(invocation, failure)
    if (is_callers_fault(failure)) {
      invocation$log("info", paste0("answered ", attr(failure, "answer")$code, ": ", failure$message))
      failure <- NULL
    }
  }
  id <- invocation$frame$id
  if (inherits(result, "failure")) {
    frame <- control_frame(type = "error", id = id, r_ms = r_ms, steps = steps, error = unclass(result))
    return(write_frames(invocation$io$replies, frame))
  }
  control <- if (!is.null(failure) || is.raw(result)) {
    error <- if (!is.null(failure)) unclass(failure)
    control_frame(type = "result", id = id, r_ms = r_ms, steps = steps, error = error, tables = is.raw(result))
  } else {
    # By hand, which is faster. sprintf(), because paste0() would obey options(OutDec).
    json <- sprintf("{\"type\":\"result\",\"id\":%s,\"r_ms\":%.3f", json_string(id), r_ms)
    if (!is.null(steps)) {
      parts <- sprintf("\"%s\":%.3f", names(steps), unlist(steps))
      json <- paste0(json, ",\"steps\":{", paste(parts, collapse = ","), "}")
    }
    frame_bytes(charToRaw(paste0(json, "}")))
  }
  write_frames(invocation$io$replies, control, frame_bytes(if (is.raw(result)) result else charToRaw(result)))
}

# reply_suspended() sends `suspend`: a durable handler waits, or bootstrap has ended it.
# Code that ran on the way, as in on.exit(), may have failed.
reply_suspended <- function(invocation, failure, r_ms) {
  if (!is.null(failure)) {
    invocation$log("warn", paste0("an error while the handler was suspended: ", failure$type, ": ", failure$message))
  }
  write_frames(invocation$io$replies, control_frame(type = "suspend", id = invocation$frame$id, r_ms = r_ms))
}

# error_response() returns the JSON of the response that the caller of an HTTP source gets
# for a failure.
error_response <- function(invocation, failure) {
  request <- invocation$event$request
  id <- invocation$frame$id
  tryCatch(
    failure_response(attr(failure, "answer"), request, id),
    error = function(e) failure_response(NULL, request, id)
  )
}

# is_callers_fault() is TRUE for a failure that was answered with a 4xx status. It is not an
# error of the function.
is_callers_fault <- function(failure) {
  answer <- attr(failure, "answer")
  !is.null(answer) && answer$code < 500L
}
