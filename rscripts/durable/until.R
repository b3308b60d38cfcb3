# Conditions: a state is checked again and again until it is reached.

# durable_until() calls check() again and again until done() returns TRUE. Between two calls the
# function is not billed.
#
# name: its name.
# check: function(state) or function(state, attempt), which returns the next state. If it stops,
#   that is final: catch errors that may pass.
# state: the first state.
# done: function(state), TRUE when the state is reached.
# every: the seconds between two checks, or a function(state, attempt) that returns them.
# attempts: how often check() is called at most.
# serialiser: as for durable_step(), for the state.
#
# Returns the state that is reached. Stops with an error of class durable_condition_error.
durable_until <- function(name, check, state = NULL, done = isTRUE, every = 30, attempts = Inf,
                          serialiser = NULL) {
  user_jit_off()
  on.exit(user_jit_on())
  label <- operation_label("durable_until", name)
  check_until(label, check, done, every, attempts)
  check_serialiser(label, serialiser)
  operation <- begin_operation("durable_until", "STEP", "WaitForCondition", name)
  failed <- function(error) stop(
    stored_condition("durable_condition_error", "the condition", error, name)
  )
  outcome <- send_operation(operation, "start")
  status <- text_or(outcome$status, "")
  if (status == "SUCCEEDED") {
    return(decode_stored(outcome$payload, serialiser, state))
  } else if (status == "FAILED") {
    failed(outcome$error)
  } else if (status == "PENDING") {
    suspend(current$durable)
  }
  number <- as.integer(c(outcome$attempt, 0L)[[1L]]) + 1L
  before <- state
  if (!is.null(outcome$payload)) {
    before <- decode_stored(outcome$payload, serialiser, state)
  }
  checked <- attempt(with_step(operation, number, {
    text <- encode_fitting(
      call_check(check, before, number), label, serialiser, state, paste0("the state of ", label)
    )
    now <- decode_stored(text, serialiser, state)
    reached <- call_user(as.call(list(done, now)), globalenv())
    if (!isTRUE(reached) && !isFALSE(reached)) {
      stop_durable(label, ": done() must return TRUE or FALSE")
    }
    if (!reached && number >= attempts) {
      stop(durable_condition(
        "durable_attempts_exceeded", paste0("it is not reached after ", number, " attempts")
      ))
    }
    pause <- if (!reached) pause_until(label, every, now, number)
    list(text = text, value = now, reached = reached, pause = pause)
  }))
  if (!is.null(checked$cond)) {
    log_failure(operation, number, checked$error, NULL)
    send_operation(operation, "fail", error = checked$error)
    failed(checked$error)
  }
  found <- checked$value
  if (found$reached) {
    send_operation(operation, "succeed", found$text)
    return(found$value)
  }
  send_operation(operation, "retry", found$text, delay_seconds = found$pause)
  suspend(current$durable)
}

check_until <- function(label, check, done, every, attempts) {
  if (!is.function(check) || !is.function(done)) {
    stop_durable(label, ": check and done must be functions of the state")
  }
  if (!is.function(every)) {
    check_seconds_of(label, "every", every, 1)
  }
  if (!identical(attempts, Inf)) {
    check_whole(label, "attempts", attempts, 1)
  }
}

# call_check() calls check(), with the attempt if it takes that.
call_check <- function(check, state, attempt) {
  env <- list2env(list(check = check, attempt = attempt), parent = globalenv())
  assign("state", state, envir = env)
  call_user(if (takes_two(check)) quote(check(state, attempt)) else quote(check(state)), env)
}

# takes_two() returns whether a function takes a second argument.
takes_two <- function(f) {
  arguments <- names(formals(args(f)))
  length(arguments) > 1L || "..." %in% arguments
}

pause_until <- function(label, every, state, attempt) {
  pause <- every
  if (is.function(every)) {
    pause <- call_user(as.call(list(every, state, attempt)), globalenv())
    check_seconds_of(label, "what every() returns", pause, 0)
  }
  max(1, ceiling(as_seconds(pause)))
}
