# Failures: what an `error` or `init_error` frame carries, and how a condition becomes one.

# A failure is what an `error` or `init_error` frame carries. `call` and `parents` are
# left out where there are none.
new_failure <- function(type, message, stack = list(), call = NULL, parents = NULL) {
  failure <- list(type = type, message = message, call = call, stack = stack)
  failure$parents <- if (length(parents)) parents
  structure(Filter(Negate(is.null), failure), class = "failure")
}

# fail() stops with an error that becomes an error report of this type. `...` is
# the message, pasted together; `public` what the caller of an HTTP source may know of it.
fail <- function(type, ..., stack = list(), parents = NULL, public = NULL) {
  stop(structure(
    class = c("runtime_failure", "error", "condition"),
    list(message = paste0(...), call = NULL, type = type, stack = stack, parents = parents, public = public)
  ))
}

# public_answer() is what an HTTP caller is told of an error, list(code, message, type):
# what stop_html() says, and what is wrong with the request. NULL: nothing. (A condition of
# its class can be of the user's own making, without a code.)
public_answer <- function(e) {
  if (inherits(e, "html_error")) {
    code <- if (is.list(e)) error_status(.subset2(e, "code"))
    if (!is.null(code)) list(code = code, message = condition_text(e), type = "html_error")
  } else if (inherits(e, "runtime_failure") && !is.null(e$public)) {
    list(code = 400L, message = e$public, type = "BadRequest")
  }
}

# failure_of() is the failure for a condition.
failure_of <- function(cond, stack, parents = NULL) {
  call <- shown_call(cond)
  new_failure(class(cond)[[1L]], failure_text(cond), stack, if (!is.null(call)) call_text(call), parents)
}

# failure_text() is own_text(). R signals that its stack has overflowed when it has unwound
# it, so that there are no frames to tell why.
failure_text <- function(cond) {
  text <- own_text(cond)
  if (inherits(cond, "stackOverflowError") && !grepl("infinite recursion", text, fixed = TRUE)) {
    text <- paste0(text, " (infinite recursion?)")
  }
  text
}

# condition_text() is conditionMessage() without line breaks at its end, and without
# the colours that cli and rlang may have put in. A method of it may be defined in
# user code: it can fail, and it can return anything.
condition_text <- function(cond) {
  tryCatch(
    sub("\n+$", "", without_colours(clean_text(conditionMessage(cond)))),
    error = function(e) "(the condition's message cannot be read)"
  )
}

# without_colours() removes the terminal's escape sequences for colours and for links.
without_colours <- function(text) {
  if (!grepl("\033", text, fixed = TRUE)) {
    return(text)
  }
  gsub("\033(\\[[0-9;:]*m|\\]8;[^\a\033]*(\a|\033\\\\))", "", text)
}

# own_text() is the text of a condition without that of its parents, which rlang's
# method of conditionMessage() appends. They are reported beside it.
own_text <- function(cond) {
  if (!is.null(parent_of(cond))) {
    class <- class(cond)
    cond <- unclass(cond)
    cond$parent <- NULL
    class(cond) <- class
  }
  condition_text(cond)
}

# parent_of() is the condition that `cond` names as its cause, as rlang::abort(parent =)
# does, or NULL.
parent_of <- function(cond) {
  parent <- if (is.list(cond)) .subset2(cond, "parent")
  if (inherits(parent, "condition")) parent
}

# shown_call() is the call that a condition names, or NULL where it names none that a
# reader knows.
shown_call <- function(cond) {
  call <- tryCatch(conditionCall(cond), error = function(e) NULL)
  if (is.call(call) && !is_machinery(call)) call
}

# condition_parents() is a list of failures: the causes of a condition, at most ten, the
# nearest first. `stack` is the condition's own: of the frames that rlang has kept of a
# cause, those that are also in it are left out.
condition_parents <- function(cond, stack) {
  parents <- list()
  while (length(parents) < 10L && !is.null(cond <- parent_of(cond))) {
    kept <- without_fail(trace_stack(.subset2(cond, "trace")))
    parents[[length(parents) + 1L]] <- unclass(failure_of(cond, frames_beyond(kept, stack)))
  }
  parents
}
