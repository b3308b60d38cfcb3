# The worker: one loop that receives, evaluates and answers.

# run_worker() serves until bootstrap closes the request pipe or says shutdown. Then
# R ends, so that it does not go on to read its script.
run_worker <- function() {
  io <- new.env(parent = emptyenv())
  io$pid <- Sys.getpid()
  io$requests <- pipe_open(request_path, "rb")
  io$replies <- pipe_open(reply_path, "wb")
  options(keep.source = TRUE, device = null_device)
  attach_helpers()
  hello <- read_message(io)
  if (!is.null(hello)) {
    timing$calls <- isTRUE(hello$timing)
    suspendInterrupts(become_ready(io, hello$handler))
  }
  quit(save = "no")
}

# become_ready() loads the handler, says so or why not, and serves it.
become_ready <- function(io, handler_name) {
  name <- NULL
  current$log <- log_to(io, NULL)
  started <- now_ms()
  loaded <- with_conditions(
    function() {
      check_event_setting()
      read_compat_setting()
      name <<- parse_handler(handler_name)$name
      handler <- limited(time_calls(load_handler(handler_name)))
      takes <- handler_arguments(handler)
      check_arguments(takes, name)
      list(handler = handler, takes = takes)
    },
    log = current$log
  )
  end_fork(io)
  reset_output()
  if (inherits(loaded, "failure")) {
    write_frames(io$replies, control_frame(type = "init_error", error = unclass(loaded)))
    return(invisible())
  }
  write_frames(io$replies, control_frame(
    type = "ready",
    r_version = as.character(getRversion()),
    required = I(loaded$takes$required),
    init_ms = now_ms() - started,
    slowest = slowest_loads()
  ))
  serve(io, loaded$handler, name, loaded$takes)
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
  current$frame <- frame
  current$event <- NULL
  current$io <- io
  current$stream <- NULL
  current$log <- log_to(io, frame$id)
  json <- with_conditions(
    function() limited(evaluate(event, handler, name, takes)),
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

# limited() is `expr`, in which user code runs: with interrupts let in, and with the time
# limits that it sets for itself. R would end those when it is back at its top level, where
# a worker never is, and they would hit a later invocation.
limited <- function(expr) {
  on.exit({
    setTimeLimit()
    setSessionTimeLimit()
  })
  allowInterrupts(expr)
}

# end_fork() ends a child that user code has forked and that came back from it as if it
# were the worker: what it answers would break the protocol.
end_fork <- function(io) {
  if (Sys.getpid() != io$pid) {
    tools::pskill(Sys.getpid(), 9L)
  }
}

# evaluate() returns the JSON of what the handler makes of an event's bytes. An attribute
# "failure" is an error that was answered, and belongs in the log. What a stream wrote has
# been sent by then.
evaluate <- function(bytes, handler, name, takes) {
  event <- read_event(bytes, handler)
  current$event <- event
  if (inherits(handler, "plumber_handler")) {
    return(handler(event))
  }
  args <- bind_arguments(event, takes, name)
  if (takes$context) {
    context <- if (settings$lambdr_compat) lambdr_context(current$frame) else new_context(current$frame, event$request)
    args["context"] <- list(context)
  }
  value <- call_handler(handler, name, args)
  if (inherits(value, "lambda_stream")) {
    if (!event$source %in% c("alb", "websocket")) { # which take no streams
      return(run_stream(value, event))
    }
    value <- collect_stream(value)
  }
  encode_answer(value, event)
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
