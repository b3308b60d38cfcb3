# Hooks that user code registers with on_shutdown().

# run_shutdown_hooks() runs them. It logs one that fails, and goes on with the others.
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
