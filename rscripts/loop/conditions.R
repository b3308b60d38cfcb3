# Conditions that user code signals: errors become failures, warnings and messages become
# log records.
#
# R refuses globalCallingHandlers() while a handler is established by withCallingHandlers() or
# tryCatch(). So that user code may call it, as rlang::global_entrace() does, the runtime's
# handlers are global themselves, behind the user's. They do what `handling` says:
#   stopped      function(cond, at), for an error that user code does not catch, before the
#                stack unwinds. It does not return. `at` is list(calls, frames, parents): what
#                sys.calls() and the like return in the handler of the condition
#   interrupted  function(cond, at), likewise for an interrupt
#   log          function(level, message, call), for warnings and messages
#   repeats      how often each warning came, see new_repeats()
# They are NULL while no user code runs.
handling <- list2env(
  list(stopped = NULL, interrupted = NULL, log = NULL, repeats = NULL),
  envir = new.env(parent = emptyenv())
)

# install_handlers() makes the runtime's handlers global, unless they are already. Its callers
# must not have established a handler. User code can remove them, so each invocation installs
# them again.
install_handlers <- function() {
  present <- globalCallingHandlers()
  ours <- length(present) - length(runtime_handlers) + seq_along(runtime_handlers)
  if (ours[[1L]] > 0L && identical(present[ours], runtime_handlers)) {
    return(invisible())
  }
  users <- Filter(function(handler) !is_runtime_handler(handler), globalCallingHandlers(NULL))
  globalCallingHandlers(c(users, runtime_handlers))
  invisible()
}

is_runtime_handler <- function(handler) {
  any(vapply(runtime_handlers, identical, logical(1), handler))
}

# with_conditions() evaluates `run()` and returns its value, or a failure. Warnings and messages
# become log records, through `log(level, message, call)`, and go no further; options(warn)
# applies to warnings as usual. While sink(type = "message") is active, as in capture.output(),
# what R would print at once goes to the sink instead.
#
# The runtime's handlers must be global. Errors that user code catches do not reach them.
with_conditions <- function(run, log) {
  interrupted <- handling$interrupted
  outer_log <- handling$log
  outer_repeats <- handling$repeats
  on.exit({
    handling$interrupted <- interrupted
    handling$log <- outer_log
    handling$repeats <- outer_repeats
  })
  handling$log <- log
  handling$repeats <- new_repeats()
  current$warned <- NULL
  value <- catch_stopped(
    {
      handling$interrupted <- handling$stopped
      run()
    },
    caught,
    function(cond, at) {
      if (inherits(cond, "interrupt")) interrupted_stack(at$calls, cond) else stack_of(cond, at)
    }
  )
  log_repeats(handling$repeats, log)
  value
}

# caught() returns the failure for a condition that user code did not catch.
caught <- function(cond, stack) {
  if (inherits(cond, "interrupt")) {
    return(new_failure("Runtime.Interrupted", "R was interrupted (SIGINT)", stack))
  }
  failed <- if (inherits(cond, "runtime_failure")) {
    new_failure(cond$type, condition_text(cond), cond$stack, parents = cond$parents)
  } else {
    failure_of(cond, stack, condition_parents(cond, stack))
  }
  attr(failed, "answer") <- public_answer(cond)
  failed
}

# catch_stopped() evaluates `expr` and returns its value. If an error ends it that it does not
# catch, the value is handle(cond, stack), called after the stack has unwound; capture(cond, at)
# takes the stack before.
#
# R calls no global handler for some errors, such as an overflow of its stack. It prints them and
# jumps to the restart "abort".
catch_stopped <- function(expr, handle, capture = stack_of) {
  stopped <- here <- NULL
  value <- on_stopped(
    withRestarts(
      {
        here <- .Internal(.getRestart(1L)) # this one: user code may have its own "abort"
        expr
      },
      abort = function(...) {
        if (is.null(stopped)) {
          stopped <<- list(aborted_condition(), list())
        }
        NULL
      }
    ),
    function(cond, at, outer) {
      # The first interrupt counts: another one can come while exit handlers of user code run.
      if (!inherits(stopped[[1L]], "interrupt")) {
        # To take the stack of an overflow would overflow again.
        overflow <- inherits(cond, "stackOverflowError")
        stopped <<- list(cond, if (overflow) list() else without_fail(capture(cond, at)))
      }
      if (!inherits(cond, c("interrupt", "stackOverflowError"))) {
        dump_stopped(cond, at)
        run_error_option(cond)
      }
      invokeRestart(here)
    }
  )
  if (is.null(stopped)) value else handle(stopped[[1L]], stopped[[2L]])
}

# on_stopped() evaluates `expr`. For an error that `expr` does not catch, it calls
# `handle(cond, at, outer)`, which must not return. It may call outer(cond, at), which is what
# would have been called without it.
on_stopped <- function(expr, handle) {
  outer <- handling$stopped
  on.exit(handling$stopped <- outer)
  handling$stopped <- function(cond, at) handle(cond, at, outer)
  expr
}

# aborted_condition() returns the condition of an error for which R called no handler. All that
# R keeps of it is what it printed.
aborted_condition <- function() {
  text <- sub("(\nCalls: [^\n]*)?\n*$", "", sub("(?s)^Error(?: in .*?)? ?: \\s*", "", geterrmessage(), perl = TRUE))
  overflow <- c(
    CStackOverflowError = sub("%ld.*", "", gettext("C stack usage  %ld is too close to the limit", domain = "R")),
    expressionStackOverflowError =
      gettext("evaluation nested too deeply: infinite recursion / options(expressions=)?", domain = "R"),
    protectStackOverflowError = gettext("protect(): protection stack overflow", domain = "R")
  )
  is_overflow <- vapply(overflow, grepl, logical(1), text, fixed = TRUE)
  class <- if (any(is_overflow)) c(names(overflow)[is_overflow][[1L]], "stackOverflowError") else "simpleError"
  structure(class = c(class, "error", "condition"), list(message = text, call = NULL))
}

warned <- function(w) {
  warn <- getOption("warn")
  if (is.null(handling$log) || isTRUE(warn >= 2L) || isTRUE(warn == 1L) && messages_are_sunk()) {
    return() # R makes it an error now, or prints it
  }
  without_interrupts({
    current$warned <- w
    if (!isTRUE(warn < 0L) && is_new(handling$repeats, w)) {
      handling$log("warn", condition_text(w), shown_call(w))
    }
    muffle("muffleWarning", w)
  })
}

messaged <- function(m) {
  if (!is.null(handling$log) && !messages_are_sunk()) { # else R prints it
    without_interrupts({
      handling$log("info", condition_text(m), NULL)
      muffle("muffleMessage", m)
    })
  }
}

# runtime_handlers are the runtime's handlers, by the class of the condition. The first is for
# errors, and for any other condition that is given to stop(), as in
# tryCatch(..., warning = function(w) stop(w)): R looks for no handler of errors then.
runtime_handlers <- list(
  # First, because warnings and messages that end here need not reach the next handler.
  warning = function(w) if (!given_to_stop(sys.nframe())) warned(w),
  message = function(m) if (!given_to_stop(sys.nframe())) messaged(m),
  condition = function(cond) {
    if (is.null(handling$stopped) || inherits(cond, "interrupt")) {
      return() # an interrupt can come while stop() runs
    }
    if (is_stopping(cond, signaller(sys.nframe() - 1L))) {
      handling$stopped(cond, list(calls = sys.calls(), frames = sys.frames(), parents = sys.parents()))
    }
  },
  # An error given to warning() or message() is only a warning or a message.
  error = function(e) {
    switch(signaller(sys.nframe() - 1L), warning = warned(e), message = messaged(e))
  },
  # Another interrupt waits meanwhile: in a handler, R would call none for it.
  interrupt = function(e) {
    if (!is.null(handling$interrupted)) {
      at <- list(calls = sys.calls())
      without_interrupts(handling$interrupted(e, at))
    }
  }
)

# given_to_stop() returns whether stop() has signalled the condition whose handler has frame
# number `frame`. Then it is an error, whatever its class.
given_to_stop <- function(frame) identical(sys.function(frame - 1L), stop)

# messages_are_sunk() returns whether sink(type = "message") is active.
messages_are_sunk <- function() .Internal(sink.number(FALSE)) != 2L

# muffle() ends the handling of a condition if the code that signalled it can go on.
muffle <- function(name, cond) {
  restart <- findRestart(name, cond)
  if (!is.null(restart)) {
    invokeRestart(restart)
  }
}
