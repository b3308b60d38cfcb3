# Conditions: errors with the stack they came from and what caused them, warnings and
# messages as log records.

# A failure is what an `error` or `init_error` frame carries. `call` and `parents` are
# left out where there are none.
new_failure <- function(type, message, stack = list(), call = NULL, parents = NULL) {
  failure <- list(type = type, message = message, call = call, stack = stack)
  failure$parents <- if (length(parents)) parents
  structure(Filter(Negate(is.null), failure), class = "failure")
}

# fail() stops with an error that becomes an error report of this type. `...` is
# the message, pasted together; `public` what the caller of an HTTP source may know of it.
fail <- function(type, ..., stack = list(), parents = NULL, public = NULL) {
  stop(structure(
    class = c("runtime_failure", "error", "condition"),
    list(message = paste0(...), call = NULL, type = type, stack = stack, parents = parents, public = public)
  ))
}

# public_answer() is what an HTTP caller is told of an error, list(code, message, type):
# what stop_html() says, and what is wrong with the request. NULL: nothing. (A condition of
# its class can be of the user's own making, without a code.)
public_answer <- function(e) {
  if (inherits(e, "html_error")) {
    code <- if (is.list(e)) error_status(.subset2(e, "code"))
    if (!is.null(code)) list(code = code, message = condition_text(e), type = "html_error")
  } else if (inherits(e, "runtime_failure") && !is.null(e$public)) {
    list(code = 400L, message = e$public, type = "BadRequest")
  }
}

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
    aside({
      if (!isTRUE(getOption("warn") < 0L)) {
        log("warn", condition_text(w), shown_call(w))
      }
      muffle("muffleWarning", w)
    })
  }
  told <- function(m) {
    aside({
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

# aside() is `expr`, the runtime's own work while user code runs: without the compiler,
# which would take 40 ms to load for that, and with interrupts held back until user code
# goes on. (In a calling handler the one for interrupts would not be called, and the
# stack not taken.)
aside <- function(expr) {
  level <- .Internal(enableJIT(0L))
  on.exit(.Internal(enableJIT(level)))
  suspendInterrupts(expr)
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

# condition_text() is conditionMessage() without line breaks at its end, and without
# the colours that cli and rlang may have put in. A method of it may be defined in
# user code: it can fail, and it can return anything.
condition_text <- function(cond) {
  tryCatch(
    sub("\n+$", "", without_colours(clean_text(conditionMessage(cond)))),
    error = function(e) "(the condition's message cannot be read)"
  )
}

# without_colours() removes the terminal's escape sequences for colours and for links.
without_colours <- function(text) {
  if (!grepl("\033", text, fixed = TRUE)) {
    return(text)
  }
  gsub("\033(\\[[0-9;:]*m|\\]8;[^\a\033]*(\a|\033\\\\))", "", text)
}

# own_text() is the text of a condition without that of its parents, which rlang's
# method of conditionMessage() appends. They are reported beside it.
own_text <- function(cond) {
  if (!is.null(parent_of(cond))) {
    class <- class(cond)
    cond <- unclass(cond)
    cond$parent <- NULL
    class(cond) <- class
  }
  condition_text(cond)
}

# parent_of() is the condition that `cond` names as its cause, as rlang::abort(parent =)
# does, or NULL.
parent_of <- function(cond) {
  parent <- if (is.list(cond)) .subset2(cond, "parent")
  if (inherits(parent, "condition")) parent
}

# failure_of() is the failure for a condition.
failure_of <- function(cond, stack, parents = NULL) {
  call <- shown_call(cond)
  new_failure(class(cond)[[1L]], failure_text(cond), stack, if (!is.null(call)) call_text(call), parents)
}

# failure_text() is own_text(). R signals that its stack has overflowed when it has unwound
# it, so that there are no frames to tell why.
failure_text <- function(cond) {
  text <- own_text(cond)
  if (inherits(cond, "stackOverflowError") && !grepl("infinite recursion", text, fixed = TRUE)) {
    text <- paste0(text, " (infinite recursion?)")
  }
  text
}

# shown_call() is the call that a condition names, or NULL where it names none that a
# reader knows.
shown_call <- function(cond) {
  call <- tryCatch(conditionCall(cond), error = function(e) NULL)
  if (is.call(call) && !is_machinery(call)) call
}

# condition_parents() is a list of failures: the causes of a condition, at most ten, the
# nearest first. `stack` is the condition's own: of the frames that rlang has kept of a
# cause, those that are also in it are left out.
condition_parents <- function(cond, stack) {
  parents <- list()
  while (length(parents) < 10L && !is.null(cond <- parent_of(cond))) {
    kept <- without_fail(trace_stack(.subset2(cond, "trace")))
    parents[[length(parents) + 1L]] <- unclass(failure_of(cond, frames_beyond(kept, stack)))
  }
  parents
}
