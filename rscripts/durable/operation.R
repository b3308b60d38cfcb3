# Operations: what all durable_*() functions do to look up and to store something.

# the_execution() returns the execution that runs. `what` is the call that needs it.
the_execution <- function(what) {
  execution <- current$durable
  if (is.null(execution)) {
    stop_durable(
      what, " works only while a durable handler runs: make the handler with durable(), ",
      "and run it with invoke_handler() or bootstrap local"
    )
  }
  if (Sys.getpid() != execution$pid) {
    stop_durable(what, " works only in the handler's process, not in a fork of it")
  }
  execution
}

# begin_operation() returns the next operation of the innermost context, a list of what identifies
# it: id, parent, type, subtype and name. `what` is the name of the function that the user has
# called.
begin_operation <- function(what, type, subtype, name, label = operation_label(what, name)) {
  execution <- can_operate(label)
  check_name(what, name)
  context <- execution$context
  id <- next_id(context)
  context$count <- context$count + 1L
  list(id = id, parent = context$parent, type = type, subtype = subtype, name = name, label = label)
}

# can_operate() returns the execution. If the handler is suspended, it does not return, so that code
# that still runs, such as that of on.exit(), ends there.
can_operate <- function(label) {
  execution <- the_execution(label)
  end_if_suspended(execution)
  if (!is.null(execution$step)) {
    stop_durable(
      label, " is inside of the step ", quoted(execution$step$name), ": a step is stored as a ",
      "whole, so it cannot contain other operations. Put both into durable_child()"
    )
  }
  execution
}

operation_label <- function(what, name) {
  paste0(what, "(", if (is_string(name)) quoted(clean_text(name, 256L)), ")")
}

# check_name() stops if Lambda would refuse the name of an operation.
check_name <- function(what, name) {
  if (is.null(name)) {
    return(invisible())
  }
  size <- if (is_string(name)) nchar(name, "bytes") else 0L
  if (size == 0L || size > 256L || !grepl("^[ -~]+$", name, useBytes = TRUE)) {
    stop_durable(
      what, "(): the name must be one string of 1 to 256 printable ASCII characters, not ",
      if (is.character(name)) quoted(name) else class(name)[[1L]],
      if (size > 256L) paste0(" of ", size)
    )
  }
}

# send_operation() stores `action` of an operation and returns its outcome, a list:
#   status       what the operation is, as stored: NULL if it was not; for a STEP and a CONTEXT,
#                before this action
#   attempt      how many attempts of a step have ended
#   payload      text, or NULL
#   error        list(type, message, data, stack), or NULL
#   callback_id  of a callback
#   replay_children  whether a context has to run again for its value
# Actions are start, succeed, fail and retry, and get, which stores nothing. `...` are fields of the
# frame, see operations.R. It does not return if the handler must end now.
send_operation <- function(operation, action, payload = NULL, ...) {
  execution <- current$durable
  fields <- list(...)
  operation$label <- NULL
  outcome <- execution$send(
    c(operation, list(action = action), fields[!vapply(fields, is.null, logical(1))]), payload
  )
  if (isTRUE(outcome$stop)) {
    stop_execution(execution)
  }
  outcome
}

# max_payload is how many bytes Lambda stores of a value.
max_payload <- 262144L
