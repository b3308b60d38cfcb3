# Conditions: errors with the stack they came from, warnings and messages as log
# records.

# A failure is what an `error` or `init_error` frame carries.
new_failure <- function(type, message, stack = list()) {
  structure(list(type = type, message = message, stack = stack), class = "failure")
}

# fail() stops with an error that becomes an error report of this type. `...` is
# the message, pasted together; `public` what the caller of an HTTP source may know of it.
fail <- function(type, ..., stack = list(), public = NULL) {
  stop(structure(
    class = c("runtime_failure", "error", "condition"),
    list(message = paste0(...), call = NULL, type = type, stack = stack, public = public)
  ))
}

# public_answer() is what an HTTP caller is told of an error, list(code, message, type):
# what stop_html() says, and what is wrong with the request. NULL: nothing.
public_answer <- function(e) {
  if (inherits(e, "html_error")) {
    list(code = e$code, message = condition_text(e), type = "html_error")
  } else if (inherits(e, "runtime_failure") && !is.null(e$public)) {
    list(code = 400L, message = e$public, type = "BadRequest")
  }
}

# with_conditions() evaluates `run()` and returns its value, or a failure. Warnings
# and messages become log records through `log(level, message, call)` and go no
# further.
#
# The stack is taken by a calling handler, before the error unwinds it. An error
# that user code catches itself never comes here.
with_conditions <- function(run, log) {
  stack <- list()
  caught <- function(e) {
    failed <- if (inherits(e, "runtime_failure")) {
      new_failure(e$type, condition_text(e), e$stack)
    } else {
      new_failure(class(e)[[1L]], condition_text(e), stack)
    }
    attr(failed, "answer") <- public_answer(e)
    failed
  }
  tryCatch(
    withCallingHandlers(
      run(),
      error = function(e) {
        if (!inherits(e, "runtime_failure")) {
          stack <<- capture_stack(sys.calls(), e)
        }
      },
      interrupt = function(e) stack <<- capture_stack(sys.calls(), e),
      warning = function(w) {
        log("warn", condition_text(w), conditionCall(w))
        muffle("muffleWarning", w)
      },
      message = function(m) {
        log("info", condition_text(m), NULL)
        muffle("muffleMessage", m)
      }
    ),
    error = caught,
    interrupt = function(e) new_failure("Runtime.Interrupted", "R was interrupted (SIGINT)", stack)
  )
}

# muffle() ends the handling of a condition, where whoever signalled it can go on.
muffle <- function(name, cond) {
  for (restart in computeRestarts(cond)) {
    if (identical(restart$name, name)) {
      invokeRestart(restart)
    }
  }
}

# condition_text() is conditionMessage() without line breaks at its end. A method of it
# may be defined in user code: it can fail, and it can return anything.
condition_text <- function(cond) {
  tryCatch(
    sub("\n+$", "", clean_text(conditionMessage(cond))),
    error = function(e) "(the condition's message cannot be read)"
  )
}
