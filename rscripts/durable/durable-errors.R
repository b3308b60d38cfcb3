# Errors of durable operations: R conditions that become an ErrorObject, and the way back.

# stop_durable() stops with an error in the use of the durable functions. No retry can correct it.
stop_durable <- function(...) stop(durable_condition("durable_misuse", paste0(...)))

# durable_condition() returns an error of the given classes and of durable_error.
durable_condition <- function(class, message, ...) {
  structure(
    class = unique(c(class, "durable_error", "error", "condition")),
    list(message = message, call = NULL, ...)
  )
}

# error_object() returns what is stored of a condition: its type, which is its first class, its
# message, its other classes as data, and its stack. Lambda stores at most 32 KB of an error.
error_object <- function(cond, stack = list()) {
  type <- if (inherits(cond, "runtime_failure")) cond$type else class(cond)[[1L]]
  classes <- setdiff_strings(class(cond), plain_classes)
  list(
    type = clean_text(type, 256L),
    message = clean_text(failure_text(cond), 8192L),
    data = if (length(classes)) control_json(class = I(utils::head(classes, 20L))),
    stack = I(utils::head(stack_lines(stack), 50L))
  )
}

plain_classes <- c("simpleError", "rlang_error", "error", "condition")

# stored_condition() returns the error of class `class` for an ErrorObject that this execution has
# stored. It has the classes of the original error, too, so that handlers of those find it. They are
# in their order if `class` is among them.
stored_condition <- function(class, what, error, name) {
  known <- tryCatch(jsonlite::parse_json(error$data)$class, error = function(e) NULL)
  classes <- Filter(is_string, as.list(known))
  # No stored text may stand for an interrupt, a warning or a message.
  classes <- setdiff_strings(as.character(classes), c("interrupt", "warning", "message"))
  operation_condition(c(setdiff_strings(class, classes), classes), what, error, name)
}

# operation_condition() returns the error of an operation. Its fields are those of the ErrorObject.
operation_condition <- function(class, what, error, name) {
  message <- if (is.null(error$message) || !nzchar(error$message)) error$type else error$message
  durable_condition(
    class, paste0(what, if (!is.null(name)) paste0(" ", quoted(name)), " failed: ", message),
    name = name, error_type = error$type, error_message = error$message, error_data = error$data,
    stack_trace = as.character(unlist(error$stack))
  )
}

# attempt() evaluates `expr`, user code. It returns list(value), or list(cond, error): the condition
# that ended it and its ErrorObject. A tryCatch() that the user has around the operation does not
# see that condition, but the one that is made of what was stored.
attempt <- function(expr) {
  stopped <- NULL
  value <- tryCatch(
    withRestarts(
      {
        here <- computeRestarts()[[1L]]
        calling_stopped(list(value = expr), function(cond, calls) {
          # To take the stack of an overflow would overflow again.
          overflowed <- inherits(cond, "stackOverflowError")
          stack <- if (overflowed) list() else without_fail(capture_stack(calls, cond))
          stopped <<- list(cond = cond, error = error_object(cond, stack))
          invokeRestart(here)
        })
      },
      durable_stopped = function() NULL
    ),
    error = function(e) list(cond = e, error = error_object(e)) # R called no other handler
  )
  if (is.null(stopped)) value else stopped
}
