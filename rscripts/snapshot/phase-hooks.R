# Hooks that user code registers with on_snapshot() and on_restore().

# run_phase_hooks() runs hooks in their order until one fails. It returns that failure, or NULL.
# `name` is the function that registered them.
run_phase_hooks <- function(name, hooks, deadline_ms, io) {
  begin_phase_work(list(deadline_ms = deadline_ms), io)
  on.exit(current$invocation <- NULL)
  for (hook in hooks) {
    outcome <- with_conditions(function() {
      with_interrupts(call_user(as.call(list(hook)), globalenv()))
      NULL
    }, current$log)
    end_fork(io$pid)
    reset_output()
    if (inherits(outcome, "failure")) {
      outcome$message <- paste0(hook_label(name, hook), " failed: ", outcome$message)
      return(outcome)
    }
  }
  NULL
}

# hook_label() returns a hook as an error text names it: "the on_restore() hook at functions.R:7".
hook_label <- function(name, hook) {
  source <- attr(hook, "srcref")
  at <- if (!is.null(source)) paste0(" at ", srcref_file(source), ":", source[[1L]])
  paste0("the ", name, "() hook", at)
}

# begin_phase_work() gives the functions that user code calls, such as remaining_ms(), a deadline.
begin_phase_work <- function(frame, io) {
  invocation <- new_invocation(frame, io)
  invocation$log <- current$log
  current$invocation <- invocation
}
