# Operations of a durable execution, as frames: R sends one, and waits for its outcome.
#
# `operation` has the id of the invocation, and in the field `operation`
#   id, parent, type, subtype, name   what identifies it; ids are places, as "2-1"
#   action            start, succeed, fail, retry or get. A start of an operation that is stored,
#                     and not READY, stores nothing
#   await             TRUE: the outcome of a start must not be sent before it is stored
#   error             type, message, data, stack
#   delay_seconds     of a retry
#   wait_seconds      of a WAIT
#   timeout_seconds, heartbeat_seconds   of a CALLBACK
#   function_name, tenant_id             of a CHAINED_INVOKE
#   replay_children   of a CONTEXT whose value is too large to be stored
# has_payload says whether the payload frame is one, or only empty. `outcome` has what
# send_operation() returns, and has_payload as well. With stop, the handler ends, and R sends
# `suspend`.

# operation_sender() returns the function by which the operations of an invocation reach bootstrap.
operation_sender <- function(io, id) {
  function(operation, payload) {
    body <- if (is.null(payload)) raw() else charToRaw(enc2utf8(payload))
    # No interrupt may come in between: what is read next would be the outcome of this operation. At
    # the deadline bootstrap answers at once.
    suspendInterrupts({
      restore_io(io)
      write_frames(io$replies, operation_frame(id, operation, !is.null(payload)), frame_bytes(body))
      outcome <- read_message(io)
      body <- if (!is.null(outcome)) read_frame(io$requests)
    })
    if (!identical(outcome$type, "outcome") || is.null(body)) {
      return(list(stop = TRUE)) # bootstrap has gone
    }
    outcome$payload <- if (isTRUE(outcome$has_payload)) bytes_to_text(body)
    outcome
  }
}

# operation_frame() returns the control frame of an operation. It joins the JSON by hand:
# control_frame() would take two thirds of the time of a step.
operation_frame <- function(id, operation, has_payload) {
  given <- operation[lengths(operation) > 0L] # without NULL
  text <- vapply(given, is.character, logical(1))
  values <- character(length(given))
  values[text] <- json_string(unlist(given[text], use.names = FALSE))
  values[!text] <- vapply(given[!text], function(value) {
    switch(typeof(value),
      logical = if (value) "true" else "false",
      list = do.call(control_json, value), # the error
      sprintf("%.0f", value)
    )
  }, character(1))
  json <- paste0(
    "{\"type\":\"operation\",\"id\":", json_string(id),
    ",\"operation\":{", paste0("\"", names(given), "\":", values, collapse = ","), "}",
    ",\"has_payload\":", if (has_payload) "true" else "false", "}"
  )
  frame_bytes(charToRaw(enc2utf8(json)))
}
