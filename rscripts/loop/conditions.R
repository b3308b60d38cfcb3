# Conditions that user code signals: errors become failures, warnings and messages become
# log records.

# with_conditions() evaluates `run()` and returns its value, or a failure. Warnings and messages
# become log records, through `log(level, message, call)`, and go no further; options(warn)
# applies to warnings as usual.
#
# A calling handler takes the stack before the error unwinds it. Errors that user code catches
# itself do not reach it.
with_conditions <- function(run, log) {
  stack <- list()
  interrupted <- NULL # the stack of an interrupt
  current$warned <- NULL
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
      current$warned <- w
      if (!isTRUE(getOption("warn") < 0L)) {
        log("warn", condition_text(w), shown_call(w))
      }
      muffle("muffleWarning", w)
    })
  }
  messaged <- function(m) {
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
          run_error_option(cond)
        }
        stop_as_error(cond)
      }),
      # An error given to warning() or message() is only a warning or a message.
      error = function(e) {
        switch(signaller(sys.nframe() - 1L), warning = warned(e), message = messaged(e))
      },
      # The first counts: another one can come while exit handlers of user code run.
      interrupt = function(e) {
        if (is.null(interrupted)) interrupted <<- without_fail(interrupted_stack(sys.calls(), e))
      },
      warning = warned,
      message = messaged
    ),
    error = caught,
    interrupt = function(e) new_failure("Runtime.Interrupted", "R was interrupted (SIGINT)", interrupted)
  )
}

# calling_stopped() evaluates `expr`. For an error that `expr` does not catch, it calls
# `handle(cond, calls)` before the stack unwinds; for `calls` see without_internals().
#
# It does the same for any other condition that is given to stop(), as in
# tryCatch(..., warning = function(w) stop(w)). Then `handle` must not return: R looks for no
# handler of errors, and would end, since it is not interactive.
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

# stop_as_error() stops with an error that carries `cond`, a condition given to stop() that is
# not an error itself.
stop_as_error <- function(cond) {
  if (!inherits(cond, "error")) {
    stop(structure(
      class = c("runtime_stopped", "error", "condition"),
      list(message = "", call = NULL, condition = cond)
    ))
  }
}

# signaller() returns which of stop(), warning() and message() has signalled the condition
# whose handler was called from frame number `frame`; "" if none of them has.
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

# muffle() ends the handling of a condition if the code that signalled it can go on.
muffle <- function(name, cond) {
  for (restart in computeRestarts(cond)) {
    if (identical(restart$name, name)) {
      invokeRestart(restart)
    }
  }
}
