# Stopping: which conditions end the code that signals them, and its stack then.

# stack_of() returns the stack of a condition, see capture_stack().
stack_of <- function(cond, at) {
  capture_stack(without_internals(at$calls, at$frames, at$parents), cond)
}

# calling_stopped() evaluates `expr`. For an error that `expr` does not catch, it calls
# `handle(cond, calls)` before the stack unwinds, even if a tryCatch() around it would catch the
# error.
calling_stopped <- function(expr, handle) {
  withCallingHandlers(
    expr,
    condition = function(cond) {
      if (!inherits(cond, "interrupt") && is_stopping(cond, signaller(sys.nframe() - 1L))) {
        handle(cond, without_internals(sys.calls(), sys.frames(), sys.parents()))
      }
    }
  )
}

# is_stopping() returns whether a condition that `by` has signalled, see signaller(), stops the
# code that signalled it.
is_stopping <- function(cond, by) {
  if (inherits(cond, "error")) !by %in% c("warning", "message") else by == "stop"
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
