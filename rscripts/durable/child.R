# Child contexts: several operations that are one in the history.

# durable_child() runs code with operations of its own, and stores its value. Once it has ended,
# neither the code nor its operations are looked at again.
#
# name: its name.
# expr: the code, which runs in an environment of its own, as that of a step does.
# serialiser: as for durable_step().
#
# Returns the value. Stops with an error of class durable_child_error, which has the classes of the
# error that ended the code as well.
durable_child <- function(name, expr, serialiser = NULL) {
  user_jit_off()
  on.exit(user_jit_on())
  code <- substitute(expr)
  caller <- parent.frame()
  check_code("durable_child", missing(expr))
  check_serialiser(operation_label("durable_child", name), serialiser)
  operation <- begin_operation("durable_child", "CONTEXT", "RunInChildContext", name)
  done <- run_context(
    operation, function() call_user(code, new.env(parent = caller)),
    encode = function(value) encode_stored(value, operation$label, serialiser),
    decode = function(text) decode_stored(text, serialiser)
  )
  if (!is.null(done$error)) {
    stop(stored_condition("durable_child_error", "the child context", done$error, name))
  }
  done$value
}

# run_context() runs `body` in a context of its own, unless its end is stored. It returns
# list(value) or list(error). `wrap` makes the ErrorObject of what attempt() returned, `scope` is
# what is suspended with the body, encode() and decode() make the text that is stored, and the
# value.
run_context <- function(operation, body, wrap = function(done) done$error,
                        scope = current$durable$context$scope,
                        encode = function(value) encode_stored(value, operation$label),
                        decode = decode_stored) {
  execution <- current$durable
  outcome <- send_operation(operation, "start")
  status <- text_or(outcome$status, "")
  ended <- status == "SUCCEEDED"
  if (ended && !isTRUE(outcome$replay_children)) {
    return(list(value = decode(outcome$payload)))
  } else if (status == "FAILED") {
    return(list(error = outcome$error))
  }
  context <- new_context_of(execution$context, operation$id, operation$id, scope, ended)
  done <- attempt(in_context(execution, context, {
    value <- body()
    end_if_suspended(execution)
    encode(value)
  }))
  if (is.null(done$cond)) {
    if (!ended) {
      fits <- nchar(done$value, "bytes") <= max_payload
      send_operation(operation, "succeed", if (fits) done$value, replay_children = if (!fits) TRUE)
    }
    return(list(value = decode(done$value)))
  }
  error <- wrap(done)
  if (!ended) {
    send_operation(operation, "fail", error = error)
  }
  list(error = error)
}
