# Conditions that user code signals: errors become failures, warnings and messages become
# log records.

# with_conditions() evaluates `run()` and returns its value, or a failure. Warnings
# and messages become log records through `log(level, message, call)` and go no
# further; of warnings, those that options(warn) lets pass as such.
#
# The stack is taken by a calling handler, before the error unwinds it. An error
# that user code catches itself never comes here.
with_conditions <- function(run, log) {
  stack <- list()
  caught <- function(e) {
    if (inherits(e, "runtime_stopped")) {
      e <- e$condition
    }
    failed <- if (inherits(e, "runtime_failure")) {
      new_failure(e$type, condition_text(e), e$stack, parents = e$parents)
    } else {
      failure_of(e, stack, condition_parents(e, stack))
    }
    attr(failed, "answer") <- public_answer(e)
    failed
  }
  warned <- function(w) {
    if (isTRUE(getOption("warn") >= 2L)) {
      return() # R makes it an error now
    }
    without_interrupts({
      if (!isTRUE(getOption("warn") < 0L)) {
        log("warn", condition_text(w), shown_call(w))
      }
      muffle("muffleWarning", w)
    })
  }
  told <- function(m) {
    without_interrupts({
      log("info", condition_text(m), NULL)
      muffle("muffleMessage", m)
    })
  }
  tryCatch(
    withCallingHandlers(
      calling_stopped(run(), function(cond, calls) {
        if (!inherits(cond, "runtime_failure")) {
          stack <<- without_fail(capture_stack(calls, cond))
        }
        stop_as_error(cond)
      }),
      # An error given to warning() or message() is no more than that.
      error = function(e) {
        switch(signaller(sys.nframe() - 1L), warning = warned(e), message = told(e))
      },
      interrupt = function(e) stack <<- without_fail(interrupted_stack(sys.calls(), e)),
      warning = warned,
      message = told
    ),
    error = caught,
    interrupt = function(e) new_failure("Runtime.Interrupted", "R was interrupted (SIGINT)", stack)
  )
}

# calling_stopped() evaluates `expr`. For an error that nobody in it catches, it calls
# `handle(cond, calls)`, see without_internals(), before the stack unwinds. It does so, too, for any other
# condition that is given to stop(), as in tryCatch(..., warning = function(w) stop(w)):
# R would look for no handler of errors, and end, since it is not interactive. Then
# `handle` must not return.
calling_stopped <- function(expr, handle) {
  withCallingHandlers(
    expr,
    condition = function(cond) {
      if (inherits(cond, "interrupt")) {
        return() # it can come while stop() runs
      }
      by <- signaller(sys.nframe() - 1L)
      if (if (inherits(cond, "error")) !by %in% c("warning", "message") else by == "stop") {
        handle(cond, without_internals(sys.calls(), sys.frames(), sys.parents()))
      }
    }
  )
}

# stop_as_error() stops with an error that stands for a condition which is none, and that
# somebody gave to stop().
stop_as_error <- function(cond) {
  if (!inherits(cond, "error")) {
    stop(structure(
      class = c("runtime_stopped", "error", "condition"),
      list(message = "", call = NULL, condition = cond)
    ))
  }
}

# signaller() is which of stop(), warning() and message() has signalled the condition
# object whose handler was called from frame number `frame`; "" for none of them.
signaller <- function(frame) {
  passed <- c("signalCondition", "doWithOneRestart", "withOneRestart", "withRestarts")
  while (frame > 1L && called_name(sys.call(frame)) %in% passed) {
    frame <- frame - 1L
  }
  signals <- sys.function(frame)
  for (name in c("stop", "warning", "message")) {
    if (identical(signals, get(name, baseenv()))) {
      return(name)
    }
  }
  ""
}

# muffle() ends the handling of a condition, where whoever signalled it can go on.
muffle <- function(name, cond) {
  for (restart in computeRestarts(cond)) {
    if (identical(restart$name, name)) {
      invokeRestart(restart)
    }
  }
}
