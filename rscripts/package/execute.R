# A durable execution at a desk: the handler is invoked until it returns, and no time passes.

# most_invocations bounds the invocations of an execution: Lambda stores at most 3,000 operations of
#   one.
most_invocations <- 10000L

# execute_at_desk() runs an execution. It returns what answer_at_desk() does, and `memory`, where it
# is stored; or, if the handler has failed, `cond`.
execute_at_desk <- function(handler, text, frame, answers) {
  check_answers(answers)
  memory <- new_memory(Sys.getenv("AWS_LAMBDA_FUNCTION_NAME"))
  answered <- list()
  repeat {
    memory$invocations <- memory$invocations + 1L
    frame$durable <- memory_frame(memory)
    answered <- tryCatch(
      silent_replay(answer_at_desk(handler, text, frame, memory_sender(memory))),
      error = function(e) {
        if (!is_suspended(current$invocation)) {
          return(list(cond = e))
        }
        # Code that ran on the way, as in on.exit(), has failed.
        log_at_desk("warn", paste0("an error while the handler was suspended: ", condition_text(e)))
        list(suspended = TRUE)
      }
    )
    if (!is.null(memory$failure)) {
      answered <- list(cond = durable_condition(memory$failure$type, memory$failure$message))
    }
    if (!isTRUE(answered$suspended)) {
      answered$memory <- memory
      return(answered)
    }
    if (memory$invocations >= most_invocations) {
      stop(
        "invoke_handler(): the handler was suspended ", most_invocations,
        " times and has not returned", call. = FALSE
      )
    }
    answer_open(memory, answers)
  }
}

# silent_replay() evaluates `expr`. It drops messages and warnings of a replay, as the log does.
silent_replay <- function(expr) {
  replayed <- function() {
    execution <- current$durable
    !is.null(execution) && replays(execution) && !execution$log_replays
  }
  withCallingHandlers(
    expr,
    message = function(m) if (replayed()) invokeRestart("muffleMessage"),
    warning = function(w) if (replayed()) invokeRestart("muffleWarning")
  )
}

check_answers <- function(answers) {
  for (name in names(answers)) {
    given <- answers[[name]]
    if (!is.null(given) && !is.function(given) && !(is.list(given) && !is.null(names(given)))) {
      stop(
        "invoke_handler(): ", name, " must be a function, or a list with names, not ",
        class(given)[[1L]], call. = FALSE
      )
    }
  }
}

# answer_open() answers the callbacks and invokes that the execution waits for. If there are none,
# it skips the time to the next end of a wait. It stops if the execution waits for neither.
answer_open <- function(memory, answers) {
  open <- open_operations(memory)
  answered <- FALSE
  for (stored in open) {
    if (stored$type == "CALLBACK" && !isTRUE(stored$asked)) {
      change_memory(memory, stored$id, asked = TRUE)
      answer <- callback_answer(answers$callbacks, stored)
      answered <- answer_with(memory, stored, answer) || answered
    } else if (stored$type == "CHAINED_INVOKE") {
      answered <- answer_with(memory, stored, invoke_answer(answers$invokes, stored)) || answered
    }
  }
  if (!answered && !skip_time(memory)) {
    names <- vapply(open, function(stored) c(stored$name, stored$id)[[1L]], character(1))
    what <- if (length(names)) paste("the callback", quoted(names)) else "nothing"
    stop(
      "invoke_handler(): the execution waits for ", what, ", and nothing answers: give ",
      "callbacks = list(name = answer), or a timeout",
      call. = FALSE
    )
  }
}

# answer_with() stores an answer, list(text) or list(error). It returns whether there was one.
answer_with <- function(memory, stored, answer) {
  if (is.null(answer)) {
    return(FALSE)
  }
  status <- if (is.null(answer$error)) "SUCCEEDED" else "FAILED"
  change_memory(memory, stored$id, status = status, payload = answer$text, error = answer$error)
  TRUE
}

# callback_answer() returns the answer to a callback, NULL if nobody answers.
callback_answer <- function(callbacks, stored) {
  try_answer({
    value <- if (is.function(callbacks)) {
      callbacks(stored$name, stored$callback_id)
    } else if (is_string(stored$name)) {
      callbacks[[stored$name]]
    }
    if (!is.null(value)) list(text = answer_text(value, "the answer to a callback"))
  })
}

invoke_answer <- function(invokes, stored) {
  name <- stored$function_name
  fn <- if (is.function(invokes)) function(payload) invokes(name, payload) else invokes[[name]]
  if (!is.function(fn)) {
    stop(
      "invoke_handler(): the handler invokes ", quoted(name), ", and nothing answers: give ",
      "invokes = list(", encodeString(name, quote = "`"), " = function(payload) ...)",
      call. = FALSE
    )
  }
  try_answer(
    list(text = answer_text(fn(decode_answer(stored$input)), "the result of an invoked function"))
  )
}

answer_text <- function(value, what) {
  as.character(if (inherits(value, "json")) value else encode_or_fail(value, what))
}

# try_answer() evaluates `expr`, an answer. If it stops, the answer is that error.
try_answer <- function(expr) {
  tryCatch(expr, error = function(e) {
    list(error = list(type = class(e)[[1L]], message = condition_text(e)))
  })
}

# execution_at_desk() returns what as = "execution" does, a list:
#   status       SUCCEEDED or FAILED
#   result       the result, NULL if it failed
#   error        the condition, NULL if it did not
#   operations   a data frame of the operations in the order of their start: id, name, type,
#                subtype, status, and attempts, how many of a step have ended
#   invocations  how often the handler was called
#   seconds      how much time was skipped
execution_at_desk <- function(answered) {
  memory <- answered$memory
  if (is.null(memory)) {
    stop(
      "invoke_handler(): as = \"execution\" is for durable handlers, see durable()", call. = FALSE
    )
  }
  stored <- lapply(memory$order, function(id) memory$operations[[id]])
  text <- function(field) vapply(
    stored, function(x) c(x[[field]], NA_character_)[[1L]], character(1)
  )
  list(
    status = if (is.null(answered$cond)) "SUCCEEDED" else "FAILED",
    result = if (is.null(answered$cond)) answered_value(answered),
    error = answered$cond,
    operations = data.frame(
      id = text("id"), name = text("name"), type = text("type"), subtype = text("subtype"),
      status = text("status"),
      attempts = vapply(stored, function(x) x$attempt, integer(1))
    ),
    invocations = memory$invocations,
    seconds = (memory$now - memory$began) / 1000
  )
}
