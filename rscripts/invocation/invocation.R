# One invocation: from an event's bytes to the JSON of the result.

# The functions that user code calls, such as lambda_log(), find here what is running:
#   invocation  the invocation that runs, see new_invocation(); NULL between two
#   loading     the loading of the handler, see new_loading(); NULL afterwards
#   log         logs a record of either, see log_to()
#   durable     the durable execution that runs, see durable.R; NULL if none does
#   warned      the last warning that was logged, a condition, see with_reason(); NULL if none was
current <- new.env(parent = emptyenv())

# new_invocation() returns an environment:
#   frame   the invoke frame
#   io      the worker's pipes, see open_io()
#   log     logs a record with the request id, see log_to()
#   event   the event, see read_event(); NULL until it is decoded
#   serialized  the event as bootstrap has decoded it, see event_from_bootstrap(); NULL if it has not
#   stream  the stream that the handler writes, see run_stream(); NULL if it does not
#   noted   the error that a plumber router has answered, a failure, or NULL
#   started     when it began, see now_ms()
#   decoded, handled  when its event was decoded and the handler had returned, see note_step()
#   durable     its durable execution, see new_execution(); NULL if it has none
#   send        stores the operations of that, see send_operation()
#   sent_files  files to delete at its end, see delete_once_sent()
#   tables  TRUE if bootstrap takes data frames as columns, see encode_pieces()
#   whole   TRUE while the handler is primed: a stream is collected then, because nobody reads it
new_invocation <- function(frame, io) {
  log <- log_to(io, frame$id)
  if (!is.null(frame$durable)) {
    log <- log_of_execution(log)
  }
  list2env(
    list(frame = frame, io = io, log = log, started = now_ms()),
    envir = new.env(parent = emptyenv())
  )
}

# evaluate() passes an event's bytes to the handler and returns the JSON of its result, or what
# encode_pieces() makes of it. If the result stands for an error that belongs in the log, its
# attribute "failure" is that. A streamed result has been sent when evaluate() returns. If a durable
# handler was suspended, the result means nothing, see is_suspended().
evaluate <- function(invocation, handler, bytes) {
  check_durable(handler, invocation$frame)
  event <- read_event(bytes, handler, invocation$serialized)
  invocation$event <- event
  invocation$serialized <- NULL # it may be larger than the event
  note_step(invocation, "decoded")
  if (handler$kind == "plumber") {
    return(handler$fn(event))
  }
  args <- bind_arguments(event, handler)
  if (handler$arguments$context) {
    args["context"] <- list(context_of(invocation))
  }
  if (handler$kind == "durable") {
    invocation$whole <- TRUE
    invocation$durable <- new_execution(
      invocation$frame$durable, invocation$send, attr(handler$fn, "log_replays")
    )
    value <- run_durable(invocation$durable, function() call_handler(handler, args))
    if (is_suspended(invocation)) {
      return("null")
    }
  } else {
    value <- call_handler(handler, args)
  }
  note_step(invocation, "handled")
  if (inherits(value, "lambda_stream")) {
    if (takes_streams(event$source) && is.null(invocation$whole)) {
      return(run_stream(value, invocation))
    }
    value <- collect_stream(value)
  }
  json <- encode_answer(value, event, isTRUE(invocation$tables))
  if (isTRUE(settings$hints)) {
    hint_at_names(value, invocation$log)
  }
  json
}

# is_suspended() returns whether the durable handler of an invocation was suspended.
is_suspended <- function(invocation) isTRUE(invocation$durable$stopped)

# note_step() notes when a step of an invocation was over, if bootstrap asks for hints.
note_step <- function(invocation, step) {
  if (isTRUE(settings$hints)) {
    assign(step, now_ms(), envir = invocation)
  }
}

# step_times() returns how long the steps of an invocation took, in milliseconds: a list of decode,
# handler and encode, without those that it did not reach. It is NULL if bootstrap does not ask for
# hints. A stream counts as a part of the handler.
step_times <- function(invocation, r_ms) {
  if (!isTRUE(settings$hints)) {
    return(NULL)
  }
  handled <- if (is.null(invocation$stream)) invocation$handled
  ends <- c(invocation$decoded, handled, invocation$started + r_ms)
  times <- diff(c(invocation$started, ends))
  names(times) <- c("decode", "handler", "encode")[seq_along(times)]
  as.list(times)
}
