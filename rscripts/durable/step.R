# Steps: code whose value is stored, so that it does not run again in a replay.

# durable_step() evaluates code once and stores its value.
#
# name: the step's name, up to 256 printable ASCII characters.
# expr: the code. It runs in an environment of its own: it sees the handler's variables, but what it
#   assigns is gone afterwards. It is not evaluated if its value is stored.
# retry: what happens when it stops: backoff(...), or a function of the error and the attempt that
#   returns the seconds to the next attempt, or NULL for none. NULL tries once.
# at_most_once: TRUE never runs an attempt twice, even if R or Lambda died in it: that counts as a
#   failure, for `retry` to decide on. FALSE runs it again.
# serialiser: list(write = function(value) text, read = function(text) value), by default see
#   payload.R.
#
# Returns the value. When the step has failed permanently, stops with an error of class
# durable_step_error, which has the classes of the original error as well.
durable_step <- function(name, expr, retry = backoff(), at_most_once = FALSE, serialiser = NULL) {
  user_jit_off()
  on.exit(user_jit_on())
  code <- substitute(expr)
  check_code("durable_step", missing(expr))
  label <- operation_label("durable_step", name)
  check_retry(label, retry)
  check_serialiser(label, serialiser)
  if (!isTRUE(at_most_once) && !isFALSE(at_most_once)) {
    stop_durable(label, ": at_most_once must be TRUE or FALSE")
  }
  operation <- begin_operation("durable_step", "STEP", "Step", name, label)
  caller <- parent.frame()
  run_step(operation, "durable_step_error", retry, at_most_once, serialiser, function() {
    warn_of_code(operation, code, caller)
    call_user(code, new.env(parent = caller))
  })
}

# check_code() stops if there is no code: the only argument may be code, which must not run then.
check_code <- function(what, missing) {
  if (missing) {
    stop_durable(
      what, "(): there is no code: give a name and the code, as in ", what,
      "(\"load\", read_sales(month))"
    )
  }
}

# run_step() returns the value of a step, or does not return. `class` are the classes of its error,
# and `body` runs its code.
run_step <- function(operation, class, retry, at_most_once, serialiser, body) {
  outcome <- send_operation(operation, "start", await = if (at_most_once) TRUE)
  what <- if (identical(class, "durable_step_error")) "the step" else "the submitter of"
  failed <- function(error) stop(stored_condition(class, what, error, operation$name))
  status <- text_or(outcome$status, "")
  if (status == "SUCCEEDED") {
    return(decode_stored(outcome$payload, serialiser))
  } else if (status == "FAILED") {
    failed(outcome$error)
  } else if (status == "PENDING") {
    suspend(current$durable)
  }
  number <- as.integer(c(outcome$attempt, 0L)[[1L]]) + 1L
  if (at_most_once && status == "STARTED") {
    cond <- durable_condition("durable_step_interrupted", paste0(
      "attempt ", number, " was interrupted: R or Lambda ended while it ran, and ",
      "at_most_once = TRUE does not run it again"
    ))
    done <- list(cond = cond, error = error_object(cond))
  } else {
    done <- attempt(with_step(operation, number, {
      encode_fitting(body(), operation$label, serialiser)
    }))
  }
  if (is.null(done$cond)) {
    send_operation(operation, "succeed", done$value)
    return(decode_stored(done$value, serialiser))
  }
  decided <- attempt(
    with_step(operation, number, retry_pause(operation$label, retry, done$cond, number))
  )
  log_failure(operation, number, done$error, decided$value)
  if (!is.null(decided$value)) {
    send_operation(operation, "retry", error = done$error, delay_seconds = decided$value)
    suspend(current$durable)
  }
  error <- if (is.null(decided$cond)) done$error else decided$error
  send_operation(operation, "fail", error = error)
  failed(error)
}

# log_failure() logs that an attempt of a step has failed, with the stack of its code: the error
# that the step stops with shows only where the step was called. `pause` is that before the next
# attempt, NULL if there is none.
log_failure <- function(operation, number, error, pause) {
  then <- if (is.null(pause)) "the last" else paste("the next one in", pause, "s")
  text <- paste0(
    operation$label, ": attempt ", number, " failed, ", then, ": ", error$message
  )
  with_step(operation, number, {
    current$log("warn", paste(c(text, as.character(error$stack)), collapse = "\n"))
  })
}

# with_step() evaluates `expr`, the code of a step: with R's own random numbers, and with log
# records that name the step.
with_step <- function(operation, number, expr) {
  execution <- current$durable
  execution$step <- list(id = operation$id, name = operation$name, attempt = number)
  on.exit(execution$step <- NULL)
  with_own_seed(execution, expr)
}

# warn_of_code() warns of code that is probably a mistake: durable_step("load", x) with a variable
# of the handler, because what made it ran outside of the step and runs again in each replay; and
# durable_step("load", function() ...), which stores the function. It warns of a variable once,
# because the step may be in a loop.
warn_of_code <- function(operation, code, caller) {
  if (is.call(code) && identical(code[[1L]], as.name("function"))) {
    current$log("warn", paste0(
      operation$label, " has a function as its code, which is stored and not called: ",
      "write the code itself, as in durable_step(\"load\", read_sales(month))"
    ))
  }
  if (!is.name(code)) {
    return(invisible())
  }
  variable <- as.character(code)
  execution <- current$durable
  if (variable %in% execution$warned || !exists(variable, envir = caller, inherits = FALSE)) {
    return(invisible())
  }
  fn <- sys.function(which(vapply(sys.frames(), identical, logical(1), caller))[1L])
  if (!variable %in% names(formals(fn))) {
    execution$warned <- c(execution$warned, variable)
    current$log("warn", paste0(
      operation$label, " has the variable ", variable, " as its code, which was computed outside ",
      "of the step, and is again in each replay: write the call that computes it into the step"
    ))
  }
}
