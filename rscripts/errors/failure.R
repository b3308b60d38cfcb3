# Failures: what an `error` or `init_error` frame carries, and how a condition becomes one.

# new_failure() returns the content of an `error` or `init_error` frame. `call` and `parents` are
# left out if there are none.
new_failure <- function(type, message, stack = list(), call = NULL, parents = NULL) {
  failure <- list(type = type, message = message, call = call, stack = stack)
  failure$parents <- if (length(parents)) parents
  structure(Filter(Negate(is.null), failure), class = "failure")
}

# fail() stops with an error that is reported with this type. `...` is the message, pasted
# together; `public` is the part of it that the caller of an HTTP source may read.
fail <- function(...) stop(new_fail(...))

# new_fail() returns the error of fail().
new_fail <- function(type, ..., stack = list(), parents = NULL, public = NULL) {
  structure(
    class = c("runtime_failure", "error", "condition"),
    list(message = paste0(...), call = NULL, type = type, stack = stack, parents = parents, public = public)
  )
}

# public_answer() returns what the caller of an HTTP source gets for an error, list(code, message,
# type): the arguments of stop_html(), or what is wrong with the request. NULL means that the
# caller gets no details. (User code can make a condition of class html_error without a code.)
public_answer <- function(e) {
  if (inherits(e, "html_error")) {
    code <- if (is.list(e)) error_status(.subset2(e, "code"))
    if (!is.null(code)) list(code = code, message = condition_text(e), type = "html_error")
  } else if (inherits(e, "runtime_failure") && !is.null(e$public)) {
    list(code = 400L, message = e$public, type = "BadRequest")
  }
}

# failure_of() returns the failure for a condition.
failure_of <- function(cond, stack, parents = NULL) {
  call <- shown_call(cond)
  new_failure(class(cond)[[1L]], failure_text(cond), stack, if (!is.null(call)) call_text(call), parents)
}

# failure_text() returns own_text(), and adds a hint to a stack overflow: R signals it after
# unwinding the stack, so that no frames show the cause.
failure_text <- function(cond) {
  text <- with_reason(own_text(cond), cond)
  if (inherits(cond, "stackOverflowError") && !grepl("infinite recursion", text, fixed = TRUE)) {
    text <- paste0(text, " (infinite recursion?)")
  }
  text
}

# condition_text() returns the message of a condition without line breaks at its end and without
# the colours of cli and rlang. User code can define a method of conditionMessage(), which may
# fail or return anything.
condition_text <- function(cond) {
  if (identical(class(cond), simple_message) && is_string(.subset2(cond, "message"))) {
    return(printed_text(.subset2(cond, "message"))) # as below, but tryCatch() takes 5 us
  }
  tryCatch(
    printed_text(formatted_message(cond)),
    error = function(e) "(the condition's message cannot be read)"
  )
}

simple_message <- c("simpleMessage", "message", "condition")

# printed_text() returns text of user code without line breaks at its end and without colours.
printed_text <- function(text) {
  text <- without_colours(clean_text(text))
  if (endsWith(text, "\n")) {
    text <- substr(text, 1L, nchar(text) - 1L) # nearly always the only one, and sub() takes 10 us
  }
  if (endsWith(text, "\n")) sub("\n+$", "", text) else text
}

# formatted_message() returns conditionMessage(), except for the errors of processx, callr and their
# relatives what they print when nothing catches them: their message lacks the exit status and
# what the child wrote to standard error. It includes the text of their parents.
formatted_message <- function(cond) {
  lines <- if (is_rlib_error(cond)) {
    tryCatch(
      format(cond, trace = FALSE, class = FALSE, advice = FALSE, header = FALSE),
      error = function(e) NULL
    )
  }
  if (is.character(lines)) paste(lines, collapse = "\n") else conditionMessage(cond)
}

is_rlib_error <- function(cond) any(startsWith(class(cond), "rlib_error"))

# with_reason() appends to the text of an error the last warning, if both come from the same call
# of a function that is not the user's. "cannot open the connection" is such an error: R gives
# the reason in a warning.
with_reason <- function(text, cond) {
  warned <- current$warned
  call <- shown_call(cond)
  if (is.null(warned) || is.null(call) || !identical(call, shown_call(warned))) {
    return(text)
  }
  name <- called_name(call)
  called <- if (nzchar(name)) get0(name, globalenv(), mode = "function")
  if (is.null(called) || identical(topenv(environment(called)), globalenv())) {
    return(text)
  }
  paste0(text, ": ", condition_text(warned))
}

# without_colours() removes the terminal's escape sequences for colours and links.
without_colours <- function(text) {
  if (!grepl("\033", text, fixed = TRUE)) {
    return(text)
  }
  gsub("\033(\\[[0-9;:]*m|\\]8;[^\a\033]*(\a|\033\\\\))", "", text)
}

# own_text() returns the text of a condition without that of its parents, which rlang's method of
# conditionMessage() appends. They are reported separately. (An error of callr says nothing
# without its parent, the error in the subprocess.)
own_text <- function(cond) {
  if (!is.null(parent_of(cond)) && !is_rlib_error(cond)) {
    class <- class(cond)
    cond <- unclass(cond)
    cond$parent <- NULL
    class(cond) <- class
  }
  condition_text(cond)
}

# parent_of() returns the condition that `cond` names as its cause, as rlang::abort(parent =)
# does, or NULL.
parent_of <- function(cond) {
  parent <- if (is.list(cond)) .subset2(cond, "parent")
  if (inherits(parent, "condition")) parent
}

# shown_call() returns the call that a condition names, or NULL if it names none or one that is
# not in the user's source.
shown_call <- function(cond) {
  call <- tryCatch(conditionCall(cond), error = function(e) NULL)
  if (is.call(call) && !is_machinery(call)) call
}

# condition_parents() returns the causes of a condition as a list of failures, at most ten, the
# nearest first. The frames that rlang keeps of a cause are left out if they are also in
# `stack`, the condition's own.
condition_parents <- function(cond, stack) {
  parents <- list()
  while (length(parents) < 10L && !is.null(parent <- parent_of(cond))) {
    kept <- without_fail({
      frames <- trace_stack(.subset2(parent, "trace"))
      if (length(frames)) frames else subprocess_stack(.subset2(cond, "parent_trace"))
    })
    parents[[length(parents) + 1L]] <- unclass(failure_of(parent, frames_beyond(kept, stack)))
    cond <- parent
  }
  parents
}
