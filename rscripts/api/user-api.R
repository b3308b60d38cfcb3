# What user code finds on its search path, as "lambda": functions of the runtime that
# are for handlers.

# on_shutdown() registers `f`, a function without arguments, to be called when the
# runtime ends this R in good order: at SIGTERM (in Lambda with
# LAMBDA_R_SIGTERM=true), at Ctrl-C, and when a worker is recycled. There are less than
# 400 ms for all of them, which run last registered first; an R that crashes or is
# killed runs none. Returns `f`, invisibly.
on_shutdown <- function(f) {
  if (!is.function(f)) {
    stop("on_shutdown() takes a function without arguments, not ", class(f)[[1L]])
  }
  shutdown$hooks <- c(list(f), shutdown$hooks)
  invisible(f)
}

shutdown <- new.env(parent = emptyenv())
shutdown$hooks <- list()

# remaining_ms() is how many milliseconds are left until the deadline of the invocation
# that runs, Inf where there is none. context$remaining_ms() is the same.
remaining_ms <- function() ms_until(current$frame$deadline_ms)

# lambda_log() writes one log record of the invocation that runs, with its request id.
#
# level: "trace", "debug", "info", "warn", "error" or "fatal"; LOG_LEVEL drops those below it.
# message: text; nothing in it is interpolated.
# ...: further fields of the record, by name: lambda_log("info", "fitted", rows = 100L).
lambda_log <- function(level, message, ...) {
  if (!is_text(level) || !level %in% c("trace", "debug", "info", "warn", "error", "fatal")) {
    stop("lambda_log(): level is \"trace\", \"debug\", \"info\", \"warn\", \"error\" or \"fatal\"")
  }
  fields <- list(...)
  if (length(fields) && (is.null(names(fields)) || !all(nzchar(names(fields))))) {
    stop("lambda_log(): fields have names: lambda_log(\"info\", \"fitted\", rows = 100L)")
  }
  current$log(level, message, NULL, fields)
  invisible()
}

# attach_helpers() puts the helpers behind the user's objects and packages.
attach_helpers <- function() {
  helpers <- list(
    batch_handler = batch_handler,
    event_records = event_records,
    file_response = file_response,
    html_response = html_response,
    lambda_config = lambda_config,
    lambda_log = lambda_log,
    on_shutdown = on_shutdown,
    png_response = png_response,
    remaining_ms = remaining_ms,
    stop_html = stop_html,
    stream_response = stream_response
  )
  attach(helpers, name = "lambda", pos = length(search()))
}

# run_shutdown_hooks() runs the hooks; one that fails does not keep the others from it.
run_shutdown_hooks <- function(log) {
  for (hook in shutdown$hooks) {
    outcome <- with_conditions(function() {
      call_user(as.call(list(hook)), globalenv())
      NULL
    }, log)
    if (inherits(outcome, "failure")) {
      log("error", paste0("on_shutdown hook failed: ", outcome$type, ": ", outcome$message), NULL)
    }
  }
}
