# One invocation: from an event's bytes to the JSON of the result.

# The invocation that runs now, for the helpers that user code calls: `frame`, the invoke
# frame; `event`, see invoke.R; `log`, see log_to(); `io`, the pipes; and `stream`, see
# run_stream().
current <- new.env(parent = emptyenv())

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

# set_trace_id() gives X-Ray's clients the trace of this invocation, and none of
# the invocation before.
set_trace_id <- function(trace_id) {
  if (is.null(trace_id)) {
    Sys.unsetenv("_X_AMZN_TRACE_ID")
  } else {
    Sys.setenv("_X_AMZN_TRACE_ID" = trace_id)
  }
}
