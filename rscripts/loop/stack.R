# Stack traces of user code.

# capture_stack() is called in a calling handler, with sys.calls() of that very
# handler. It returns the frames of user code, outermost first, each a list of the
# call, and of the file and line where it was made, if they are known.
capture_stack <- function(calls, cond) {
  where <- attr(calls[[length(calls)]], "srcref")
  calls <- user_calls(calls[-length(calls)])
  frames <- user_frames(calls)
  if (inherits(cond, "interrupt")) {
    # The line that was interrupted says more than where its function was called.
    if (!is.null(where) && length(frames)) {
      frames[[length(frames)]]$file <- srcref_file(where)
      frames[[length(frames)]]$line <- where[[1L]]
    }
  } else if (length(calls) && !called_name(calls[[length(calls)]]) %in% c("stop", "signalCondition", ".handleSimpleError")) {
    # C code has signalled it.
    frames <- c(frames, origin_frame(conditionCall(cond), calls, where))
  }
  shorten(frames)
}

# interrupted_stack() is capture_stack() for an interrupt. Where no user code was running,
# it says what the runtime was doing.
interrupted_stack <- function(calls, cond) {
  stack <- capture_stack(calls, cond)
  if (length(stack)) {
    return(stack)
  }
  doing <- c(read_event = "the decoding of the event", encode_answer = "the encoding of the result")
  names <- vapply(calls, called_name, "")
  lapply(unname(doing[names(doing) %in% names]), function(what) list(call = what))
}

# trace_stack() returns the same of what rlang keeps in an error, if it has kept it.
trace_stack <- function(trace) shorten(user_frames(user_calls(trace$call)))

# without_fail() is a stack, or none where making it fails: what user code has put in a
# call or in a condition must not become another error.
without_fail <- function(stack) tryCatch(stack, error = function(e) list())

# user_calls() returns those of `calls` that come after the runtime's own.
user_calls <- function(calls) {
  marked <- which(vapply(calls, is_call_to, NA, name = "call_user"))
  if (!length(marked)) {
    return(list())
  }
  calls <- calls[-seq_len(marked[[1L]] + 2L)]
  hidden <- which(vapply(calls, is_call_to, NA, name = "in_runtime"))
  if (length(hidden)) calls[seq_len(hidden[[1L]] - 1L)] else calls
}

# without_internals() is `calls` without those that the runtime's helpers make inside: of
# png_response() it leaves that call and what its argument calls. `frames` and `parents` are
# what sys.frames() and sys.parents() say of them. Nothing before user code and not the
# last call, the handler of the condition, is left out.
without_internals <- function(calls, frames, parents) {
  marked <- which(vapply(calls, is_call_to, NA, name = "call_user"))
  if (!length(marked)) {
    return(calls)
  }
  # A call of user code by the runtime hides itself, but not what it calls.
  marks <- c(outer(0:2, marked, `+`))
  inside <- logical(length(calls))
  for (i in seq_along(calls)[-seq_len(marked[[1L]] + 2L)]) {
    parent <- parents[[i]]
    inside[[i]] <- parent > 0L && !i %in% marks && (inside[[parent]] || is_internal(frames[[parent]]))
  }
  inside[marks] <- TRUE
  inside[c(seq_len(marked[[1L]] + 2L), length(calls))] <- FALSE
  calls[!inside[seq_along(calls)]]
}

# is_internal() is TRUE for the environment of a call of one of the runtime's functions.
is_internal <- function(env) {
  while (!identical(env, globalenv()) && !identical(env, baseenv()) && !identical(env, emptyenv())) {
    if (identical(env, environment(is_internal))) {
      return(TRUE)
    }
    env <- parent.env(env)
  }
  FALSE
}

# shorten() leaves out the middle of a long stack: a deep recursion is described well
# enough by its two ends. (An endless one has no stack, see failure_text().)
shorten <- function(frames) {
  n <- length(frames)
  if (n <= 100L) {
    return(frames)
  }
  gap <- list(call = paste0("... (", n - 100L, " calls left out)"))
  c(frames[1:50], list(gap), frames[(n - 49L):n])
}

# user_frames() makes frames of the calls that a reader knows from the source. How base
# and rlang handle conditions and evaluate expressions is left out.
user_frames <- function(calls) {
  frames <- list()
  for (i in seq_along(calls)) {
    call <- calls[[i]]
    frame <- if (is_call_to(call, ".handleSimpleError")) {
      origin_frame(call[[4L]][[2L]], calls[seq_len(i - 1L)], attr(call, "srcref"))
    } else if (is_call_to(call, ".signalSimpleWarning")) {
      # Its message is all that is known of a warning of C code.
      if (!is_call_to(calls[[i - 1L]], "warning")) {
        list(stack_frame(call("warning", call[[2L]]), attr(call, "srcref")))
      }
    } else if (i == 1L || !is.null(attr(call, "srcref"))) {
      list(stack_frame(call))
    } else if (!is_machinery(call) && !(is_call_to(call, "stop") && is_call_to(calls[[i - 1L]], "stopifnot"))) {
      list(stack_frame(call))
    }
    frames <- c(frames, frame)
  }
  frames
}

# is_machinery() is TRUE for a call that base or rlang makes on behalf of user code,
# while it handles conditions or evaluates expressions. (A user's own call of the same
# function has a srcref.)
is_machinery <- function(call) {
  called_name(call) %in% c(
    "tryCatch", "tryCatchList", "tryCatchOne", "doTryCatch", "withCallingHandlers",
    "withRestarts", "withOneRestart", "doWithOneRestart",
    "eval", "evalq", "eval.parent", "signalCondition", "signal_abort"
  ) ||
    identical(call, quote(value[[3L]](cond))) ||
    identical(call, quote(h(simpleError(msg, call)))) ||
    identical(call, quote(handlers[[1L]](cnd))) ||
    # a calling handler, as C code calls it
    typeof(call[[1L]]) == "closure" && length(call) == 2L && inherits(call[[2L]], "condition")
}

# origin_frame() is a list of the frame for an error of a function without one, such as
# `+`: its call is in the condition, and the line in the frame that R made for the
# handler. It is empty when the call is one of `calls`, or the runtime's own eval().
origin_frame <- function(call, calls, srcref) {
  if (is.call(call) && !is_machinery(call) && !any(vapply(calls, function(other) identical(call, unmarked(other)), NA))) {
    list(stack_frame(call, srcref))
  }
}

# frames_beyond() is `frames` without those at its outer end that `stack` has, too.
frames_beyond <- function(frames, stack) {
  shared <- 0L
  while (shared < min(length(frames), length(stack)) && identical(frames[[shared + 1L]], stack[[shared + 1L]])) {
    shared <- shared + 1L
  }
  frames[seq_along(frames) > shared]
}

is_call_to <- function(call, name) {
  is.name(call[[1L]]) && identical(as.character(call[[1L]]), name)
}

# called_name() is the name of the function that is called, without its package; "" if it
# has none.
called_name <- function(call) {
  called <- call[[1L]]
  if (is.call(called) && length(called) == 3L && as.character(called[[1L]])[[1L]] %in% c("::", ":::")) {
    called <- called[[3L]]
  }
  if (is.name(called)) as.character(called) else ""
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

# call_text() returns the first line of a call, "..." for the others. A call can have a
# whole data set in it, so no more than two lines are ever made. Of a function that is
# called without a name, as do.call() and mapply() do it, it shows the arguments.
call_text <- function(call) {
  call <- unmarked(call)
  called <- NULL
  if (is.call(call) && typeof(call[[1L]]) == "closure") {
    called <- paste0("(function(", paste(names(formals(call[[1L]])), collapse = ", "), ") ...)")
    call[[1L]] <- as.name("f")
  }
  lines <- deparse(call, width.cutoff = 120L, nlines = 2L)
  text <- if (length(lines) > 1L) paste(sub(" +$", "", lines[[1L]]), "...") else lines[[1L]]
  if (!is.null(called)) {
    text <- paste0(called, substring(text, 2L))
  }
  clean_text(text, 400L)
}
