# The hooks of on_snapshot() and on_restore().

# run_phase_hooks() runs hooks in their order until one fails. It returns that failure, or NULL.
run_phase_hooks <- function(hooks, deadline_ms, io) {
  begin_phase_work(list(deadline_ms = deadline_ms), io)
  on.exit(current$invocation <- NULL)
  for (hook in hooks) {
    outcome <- with_conditions(function() {
      with_interrupts(call_user(quote(hook()), list2env(list(hook = hook), parent = globalenv())))
      NULL
    }, current$log)
    end_fork(io$pid)
    reset_output()
    if (inherits(outcome, "failure")) {
      return(in_hook(outcome, hook))
    }
  }
  NULL
}

# in_hook() puts the line of a hook before the message of its failure: "functions.R:7: refused".
in_hook <- function(failed, hook) {
  source <- attr(hook, "srcref")
  if (!is.null(source)) {
    failed$message <- paste0(srcref_file(source), ":", source[[1L]], ": ", failed$message)
  }
  failed
}

# begin_phase_work() gives the functions that user code calls, such as remaining_ms(), a deadline.
begin_phase_work <- function(frame, io) {
  invocation <- new_invocation(frame, io)
  invocation$log <- current$log
  current$invocation <- invocation
}
