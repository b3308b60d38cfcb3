# The context of an invocation: what a handler's formal `context` gets.

# context_of() returns the context of an invocation.
context_of <- function(invocation) {
  if (settings$lambdr_compat) {
    lambdr_context(invocation$frame)
  } else {
    new_context(invocation$frame, invocation$event$request)
  }
}

# new_context() makes the context from the invoke frame, from Lambda's environment variables,
# and on HTTP sources from the request. What they do not have is NULL.
new_context <- function(frame, request = NULL) {
  deadline_ms <- frame$deadline_ms
  memory <- Sys.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
  structure(
    list(
      aws_request_id = frame$id,
      invoked_function_arn = frame$invoked_function_arn,
      function_name = env_or_null("AWS_LAMBDA_FUNCTION_NAME"),
      function_version = env_or_null("AWS_LAMBDA_FUNCTION_VERSION"),
      memory_limit_in_mb = if (nzchar(memory)) as.integer(memory),
      log_group_name = env_or_null("AWS_LAMBDA_LOG_GROUP_NAME"),
      log_stream_name = env_or_null("AWS_LAMBDA_LOG_STREAM_NAME"),
      deadline_ms = deadline_ms,
      remaining_ms = function() ms_until(deadline_ms),
      trace_id = frame$trace_id,
      client_context = optional_json(frame$client_context, "client context"),
      identity = optional_json(frame$identity, "identity"),
      tenant_id = frame$tenant_id,
      http = if (!is.null(request)) http_context(request)
    ),
    class = "lambda_context"
  )
}

# env_or_null() returns an environment variable, NULL if it is empty or not set.
env_or_null <- function(name) {
  value <- Sys.getenv(name)
  if (nzchar(value)) value
}

# optional_json() parses JSON text of the invoke frame, if it has any. `what` names it. As in events,
# the character \u0000 is refused.
optional_json <- function(text, what) {
  if (is.null(text)) {
    return(NULL)
  }
  if (has_nul(text)) {
    fail("Runtime.UnmarshalError", "the ", what, " has ", nul_problem)
  }
  parse_text(text, TRUE)
}

# set_trace_id() gives X-Ray's clients the trace of this invocation, and removes that of the
# invocation before.
set_trace_id <- function(trace_id) {
  if (is.null(trace_id)) {
    Sys.unsetenv("_X_AMZN_TRACE_ID")
  } else {
    Sys.setenv("_X_AMZN_TRACE_ID" = trace_id)
  }
}
