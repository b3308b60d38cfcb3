# The end of a worker: the hooks of on_shutdown().

# has_shutdown_hooks() returns TRUE if there are any. bootstrap then registers as an
# extension, so that Lambda sends SIGTERM before it ends the environment.
has_shutdown_hooks <- function() length(settings$shutdown_hooks) > 0L

# run_shutdown_hooks() runs them. It logs one that fails, and continues with the others.
run_shutdown_hooks <- function(log) {
  for (hook in settings$shutdown_hooks) {
    outcome <- with_conditions(function() {
      call_user(as.call(list(hook)), globalenv())
      NULL
    }, log)
    if (inherits(outcome, "failure")) {
      log("error", paste0("on_shutdown hook failed: ", outcome$type, ": ", outcome$message), NULL)
    }
  }
}
