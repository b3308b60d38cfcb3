# The phases of SnapStart: `prime` and `snapshot` before Lambda takes the snapshot of the whole
# environment, `restore` in each copy of it. bootstrap asks for one with a frame, and R answers.

# enter_phase() goes through the phase that `frame` asks for, and replies `entered` or `error`. It
# returns the handler, which priming has compiled.
enter_phase <- function(frame, handler, io) {
  current$log <- log_to(io, NULL)
  install_handlers()
  restore_process_state(current$log)
  outcome <- switch(frame$type,
    prime = prime(handler, frame$deadline_ms, io),
    snapshot = before_snapshot(handler, frame$deadline_ms, io),
    restore = after_restore(frame, io)
  )
  end_user_code(io)
  if (identical(frame$type, "prime")) {
    handler <- compile_handler(handler)
  }
  if (inherits(outcome, "failure")) {
    reply <- control_frame(type = "error", error = unclass(outcome))
  } else {
    reply <- do.call(control_frame, c(list(type = "entered"), outcome))
  }
  write_frames(io$replies, reply)
  handler
}

# before_snapshot() runs the hooks of on_snapshot() and returns what a restore will break or repeat
# nevertheless, or the failure of a hook. The garbage collector comes in between, because it closes
# connections that nothing refers to.
before_snapshot <- function(handler, deadline_ms, io) {
  failed <- run_phase_hooks(rev(settings$snapshot_hooks), deadline_ms, io)
  if (!is.null(failed)) {
    return(failed)
  }
  found <- with_conditions(function() with_interrupts({
    gc()
    find_fragile(handler)
  }), current$log)
  if (inherits(found, "failure")) {
    current$log("warn", paste0("the search for what a restore breaks failed: ", found$message))
    found <- list()
  }
  list(findings = I(found))
}

# after_restore() renews what all copies share and runs the hooks of on_restore(). It returns what
# R would draw next, if `frame` asks for it, or the failure of a hook.
after_restore <- function(frame, io) {
  set_env(frame$env)
  renewed <- with_conditions(renew, current$log)
  if (inherits(renewed, "failure")) {
    renewed$message <- paste0("random generators cannot be renewed: ", renewed$message)
    return(renewed)
  }
  failed <- run_phase_hooks(settings$restore_hooks, frame$deadline_ms, io)
  if (!is.null(failed)) {
    return(failed)
  }
  if (isTRUE(frame$probe)) list(draws = next_draws())
}

# set_env() sets the environment variables of a frame.
set_env <- function(env) {
  if (length(env)) {
    do.call(Sys.setenv, env)
  }
}
