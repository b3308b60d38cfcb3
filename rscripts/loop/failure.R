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
fail <- function(type, ..., stack = list(), parents = NULL, public = NULL) {
  stop(structure(
    class = c("runtime_failure", "error", "condition"),
    list(message = paste0(...), call = NULL, type = type, stack = stack, parents = parents, public = public)
  ))
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
  text <- own_text(cond)
  if (inherits(cond, "stackOverflowError") && !grepl("infinite recursion", text, fixed = TRUE)) {
    text <- paste0(text, " (infinite recursion?)")
  }
  text
}

# condition_text() returns conditionMessage() without line breaks at its end and without the
# colours of cli and rlang. User code can define a method of conditionMessage(), which may fail
# or return anything.
condition_text <- function(cond) {
  tryCatch(
    sub("\n+$", "", without_colours(clean_text(conditionMessage(cond)))),
    error = function(e) "(the condition's message cannot be read)"
  )
}

# without_colours() removes the terminal's escape sequences for colours and links.
without_colours <- function(text) {
  if (!grepl("\033", text, fixed = TRUE)) {
    return(text)
  }
  gsub("\033(\\[[0-9;:]*m|\\]8;[^\a\033]*(\a|\033\\\\))", "", text)
}

# own_text() returns the text of a condition without that of its parents, which rlang's method of
# conditionMessage() appends. They are reported separately.
own_text <- function(cond) {
  if (!is.null(parent_of(cond))) {
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
  while (length(parents) < 10L && !is.null(cond <- parent_of(cond))) {
    kept <- without_fail(trace_stack(.subset2(cond, "trace")))
    parents[[length(parents) + 1L]] <- unclass(failure_of(cond, frames_beyond(kept, stack)))
  }
  parents
}
