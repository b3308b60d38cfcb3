# Stack traces of user code.

# call_user() evaluates a call of user code. It marks, in a stack, where the
# runtime's own frames end: at this call and the two frames of eval().
call_user <- function(call, env) {
  on.exit(user_jit_off())
  user_jit_on()
  eval(call, env)
}

# capture_stack() is called in a calling handler, with sys.calls() of that very
# handler. It returns the frames of user code, outermost first, each a list of the
# call, and of the file and line where it was made, if they are known.
capture_stack <- function(calls, cond) {
  marked <- vapply(calls, is_call_to, NA, name = "call_user")
  if (!any(marked)) {
    return(list())
  }
  first <- which(marked)[[1L]] + 3L
  # The innermost frame is the handler, beneath what R called it through.
  last <- length(calls) - 1L
  inner <- calls[[length(calls)]]
  if (last >= 1L && is_call_to(calls[[last]], ".handleSimpleError")) {
    inner <- calls[[last]]
    last <- last - 1L
  }
  frames <- if (first <= last) lapply(calls[first:last], stack_frame) else list()

  # An error of a function without a frame, such as `+`: its call is in the
  # condition, and the line in the frame that R made for the handler.
  has_frame <- last >= 1L && (is_call_to(calls[[last]], "stop") || identical(conditionCall(cond), unmarked(calls[[last]])))
  where <- attr(inner, "srcref")
  if (inherits(cond, "interrupt")) {
    # The line that was interrupted says more than where its function was called.
    if (!is.null(where) && length(frames)) {
      frames[[length(frames)]]$file <- srcref_file(where)
      frames[[length(frames)]]$line <- where[[1L]]
    }
  } else if (!has_frame && is.call(conditionCall(cond))) {
    frames <- c(frames, list(stack_frame(conditionCall(cond), where)))
  }
  # An endless recursion is described well enough by its two ends.
  if (length(frames) > 100L) {
    frames <- c(frames[1:50], frames[seq(length(frames) - 49L, length(frames))])
  }
  frames
}

is_call_to <- function(call, name) {
  is.name(call[[1L]]) && identical(as.character(call[[1L]]), name)
}

unmarked <- function(call) {
  attr(call, "srcref") <- NULL
  call
}

stack_frame <- function(call, srcref = attr(call, "srcref")) {
  frame <- list(call = call_text(call))
  if (!is.null(srcref)) {
    frame$file <- srcref_file(srcref)
    frame$line <- srcref[[1L]]
  }
  frame
}

srcref_file <- function(srcref) {
  clean_text(attr(srcref, "srcfile")$filename, 1024L)
}

# call_text() returns the first line of a call. A call can have a whole data set in
# it, so no more than a line is ever made.
call_text <- function(call) {
  text <- deparse(unmarked(call), width.cutoff = 120L, nlines = 1L)[[1L]]
  clean_text(text, 400L)
}
