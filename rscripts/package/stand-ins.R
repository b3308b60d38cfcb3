# The functions by which the other rooms reach the worker, for a desk. They replace the room loop.
# User code runs there as any code does. Its errors, warnings and interrupts are R's own business,
# so that tests, browser() and options(error = ) see them as they are.

call_user <- function(call, env) eval(call, env)

in_runtime <- function(expr) expr

# A worker turns R's compiler off for its own functions.
user_jit_on <- function() invisible()
user_jit_off <- function() invisible()

without_interrupts <- function(expr) expr

on_stopped <- function(expr, handle) expr

run_error_option <- function(cond) invisible()

# catch_stopped() evaluates `expr` and returns its value. If an error ends it that it does not
# catch, the value is handle(cond, stack), with an empty stack.
catch_stopped <- function(expr, handle, capture = NULL) {
  withRestarts(
    calling_stopped(expr, function(cond, calls) invokeRestart("lambdaruntime_stopped", cond)),
    lambdaruntime_stopped = function(cond) handle(cond, list())
  )
}

log_to <- function(io, id) log_at_desk

# R itself never removes tempdir(), and only a handler that runs on for days would.
restore_temp_dir <- function(log) tempdir(check = TRUE)

# The packages that a worker provides must be installed at a desk.
provide_packages <- function(lines) invisible()

# run_stream() returns the whole text or the bytes of a stream, where a worker sends each piece.
run_stream <- function(value, invocation) {
  response <- collect_stream(value)
  if (is_http(invocation$event$source)) {
    return(encode_response(response, invocation$event$request))
  }
  structure(list(body = text_or_bytes(response$body)), class = "streamed")
}
