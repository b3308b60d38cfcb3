# Hooks that user code registers for the end of a worker.

shutdown <- new.env(parent = emptyenv())
shutdown$hooks <- list()

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
