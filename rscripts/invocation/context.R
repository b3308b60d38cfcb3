# The context of an invocation: what a handler's formal `context` gets.

# new_context() makes it from the invoke frame. Fields that the frame does not have
# are NULL; those of the function are in Lambda's environment variables. `http` is the
# request, on HTTP sources.
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
      client_context = optional_json(frame$client_context),
      identity = optional_json(frame$identity),
      tenant_id = frame$tenant_id,
      http = request[c("method", "path", "headers", "cookies", "query", "path_parameters", "source_ip")]
    ),
    class = "lambda_context"
  )
}

env_or_null <- function(name) {
  value <- Sys.getenv(name)
  if (nzchar(value)) value
}

optional_json <- function(text) {
  if (!is.null(text)) parse_text(text, TRUE)
}
