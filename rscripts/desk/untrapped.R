# An invocation in the user's own R session. R handles its errors, warnings and interrupts, so that
# tests, browser() and options(error = ) see them where they occur.

# desk_frame() returns the invoke frame that bootstrap would send. The deadline is `seconds` away, and
# nothing enforces it. `fields` are others that the frame has.
desk_frame <- function(id, seconds, fields = list()) {
  name <- c(env_or_null("AWS_LAMBDA_FUNCTION_NAME"), "function")[[1L]]
  arn <- paste0("arn:aws:lambda:us-east-1:012345678912:function:", name) # as bootstrap local
  c(list(id = id, deadline_ms = now_ms() + seconds * 1000, invoked_function_arn = arn), fields)
}

# evaluate_untrapped() runs an invocation with an event's JSON, and returns what evaluate() does. Only
# an error that the caller of an HTTP source may read, such as that of stop_html(), becomes a response.
evaluate_untrapped <- function(invocation, handler, text) {
  current$invocation <- invocation
  current$log <- invocation$log
  on.exit(unlink(invocation$sent_files))
  tryCatch( # of two classes only: R handles every other error where it occurs
    evaluate(invocation, handler, charToRaw(enc2utf8(text))),
    html_error = function(e) public_response(e, invocation),
    runtime_failure = function(e) public_response(e, invocation)
  )
}

# public_response() logs an error that the caller of an HTTP source may read, and returns the response.
# It stops with any other error.
public_response <- function(cond, invocation) {
  public <- public_answer(cond)
  if (is.null(public) || !is_http(invocation$event$source)) {
    stop(cond)
  }
  level <- if (public$code < 500L) "info" else "error"
  invocation$log(level, paste0("answered ", public$code, ": ", condition_text(cond)))
  failure_response(public, invocation$event$request, invocation$frame$id)
}
