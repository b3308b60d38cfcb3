# Callbacks: a person or a program outside answers, with the id of the callback.

# durable_callback() makes a callback, and continues. Pass its id to the person or program that
# answers. `aws lambda send-durable-execution-callback-success` and -failure send an answer.
#
# name: its name.
# timeout: the seconds, or the difftime, until it fails; by default the execution's own end.
# heartbeat: likewise, since the last heartbeat.
# serialiser: list(read = function(text) value). By default JSON is read as an event is, and other
#   text is text.
#
# Returns the callback, a list with its id. callback_result() waits for the answer.
durable_callback <- function(name = NULL, timeout = NULL, heartbeat = NULL, serialiser = NULL) {
  in_runtime({
    label <- operation_label("durable_callback", name)
    check_callback(label, timeout, heartbeat, serialiser)
    operation <- begin_operation("durable_callback", "CALLBACK", "Callback", name)
    new_callback(operation, timeout, heartbeat, serialiser)
  })
}

# callback_result() waits for the answer to a callback, and returns it.
#
# callback: what durable_callback() returned.
#
# Stops with an error of class durable_callback_error if the answer is a failure, and of class
# durable_callback_timeout as well if there was none in time.
callback_result <- function(callback) {
  in_runtime({
    if (!inherits(callback, "durable_callback")) {
      stop_durable(
        "callback_result(): callback must be what durable_callback() returned, not ",
        class(callback)[[1L]]
      )
    }
    can_operate("callback_result()")
    result_of_callback(callback)
  })
}

check_callback <- function(label, timeout, heartbeat, serialiser) {
  if (!is.null(timeout)) {
    check_seconds_of(label, "timeout", timeout, 1)
  }
  if (!is.null(heartbeat)) {
    check_seconds_of(label, "heartbeat", heartbeat, 1)
  }
  check_serialiser(label, serialiser)
}

new_callback <- function(operation, timeout, heartbeat, serialiser) {
  seconds <- function(x) if (!is.null(x)) ceiling(as_seconds(x))
  outcome <- send_operation(
    operation, "start",
    timeout_seconds = seconds(timeout), heartbeat_seconds = seconds(heartbeat)
  )
  structure(
    list(id = outcome$callback_id, operation = operation, serialiser = serialiser),
    class = "durable_callback"
  )
}

result_of_callback <- function(callback) {
  operation <- callback$operation
  outcome <- send_operation(operation, "get")
  switch(outcome$status,
    SUCCEEDED = decode_answer(outcome$payload, callback$serialiser),
    STARTED = suspend(current$durable),
    {
      classes <- c(
        if (outcome$status == "TIMED_OUT") "durable_callback_timeout", "durable_callback_error"
      )
      error <- outcome$error
      if (is.null(error$message) && outcome$status == "TIMED_OUT") {
        error$message <- "Callback timed out"
      }
      stop(as_answered(operation_condition(classes, "the callback", error, operation$name)))
    }
  )
}

# durable_wait_for_callback() makes a callback, passes its id on, and waits for the answer.
#
# name: its name.
# submit: a function of the id, which passes it on: in a mail, or to a queue. It is a step.
# timeout, heartbeat, serialiser: as for durable_callback().
# retry: as for durable_step(), for `submit`.
#
# Returns the answer. Stops as callback_result() does, and with an error of class
# durable_submit_error if `submit` has failed.
durable_wait_for_callback <- function(name, submit, timeout = NULL, heartbeat = NULL,
                                      retry = backoff(), serialiser = NULL) {
  user_jit_off()
  on.exit(user_jit_on())
  label <- operation_label("durable_wait_for_callback", name)
  if (!is.function(submit)) {
    stop_durable(
      label, ": submit must be a function of the callback's id, not ", class(submit)[[1L]]
    )
  }
  check_callback(label, timeout, heartbeat, serialiser)
  check_retry(label, retry)
  operation <- begin_operation("durable_wait_for_callback", "CONTEXT", "WaitForCallback", name)
  done <- run_context(operation, function() {
    inner <- begin_operation("durable_callback", "CALLBACK", "Callback", name)
    callback <- new_callback(inner, timeout, heartbeat, serialiser)
    step <- begin_operation("durable_wait_for_callback", "STEP", "Step", name)
    classes <- c("durable_submit_error", "durable_callback_error")
    run_step(step, classes, retry, FALSE, NULL, function() {
      env <- list2env(list(submit = submit, id = callback$id), parent = globalenv())
      call_user(quote(submit(id)), env)
      NULL
    })
    result_of_callback(callback)
  }, wrap = callback_error_object)
  if (!is.null(done$error)) {
    stop(as_answered(stored_condition("durable_callback_error", "the callback", done$error, name)))
  }
  done$value
}

# as_answered() returns the error of a callback. If the answer was a failure, it has the message of
# the answer alone, as in AWS's SDKs.
as_answered <- function(cond) {
  by_itself <- inherits(cond, c("durable_callback_timeout", "durable_submit_error"))
  if (!by_itself && is_string(cond$error_message) && nzchar(cond$error_message)) {
    cond$message <- cond$error_message
  }
  cond
}

# callback_error_object() returns the ErrorObject of a wait for a callback: that of the callback or
# of the submitter, with the classes of the condition in R.
callback_error_object <- function(done) {
  error <- done$error
  if (is_string(done$cond$error_type)) {
    error$type <- done$cond$error_type
    error$message <- c(done$cond$error_message, error$message)[[1L]]
  }
  error
}
