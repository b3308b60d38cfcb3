# Stack traces of user code.

# capture_stack() returns the frames of user code, outermost first: each a list of the call and,
# if they are known, of the file and line where it was made. It is called in a calling handler,
# with sys.calls() of that handler.
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
  } else if (length(calls) && !called_name(calls[[length(calls)]]) %in% signalling_calls) {
    # C code has signalled it.
    frames <- c(frames, origin_frame(conditionCall(cond), calls, where))
  }
  shorten(frames)
}

signalling_calls <- c("stop", "signalCondition", ".handleSimpleError")

# interrupted_stack() is capture_stack() for an interrupt. If no user code was running, it returns
# what the runtime was doing.
interrupted_stack <- function(calls, cond) {
  stack <- capture_stack(calls, cond)
  if (length(stack)) {
    return(with_loaded_line(stack))
  }
  doing <- c(read_event = "the decoding of the event", encode_answer = "the encoding of the result")
  names <- vapply(calls, called_name, character(1))
  lapply(unname(doing[names(doing) %in% names]), function(what) list(call = what))
}

# with_loaded_line() adds to the outermost call of a stack the line of the statement of the
# handler's file that is being loaded: R keeps the lines of calls in functions only.
with_loaded_line <- function(stack) {
  where <- current$loading$where
  if (!is.null(where) && is.null(stack[[1L]]$file) && grepl(":[0-9]+$", where)) {
    stack[[1L]]$file <- sub(":[0-9]+$", "", where)
    stack[[1L]]$line <- as.integer(sub("^.*:", "", where))
  }
  stack
}

# trace_stack() returns the frames of user code that rlang has kept in an error, if any.
trace_stack <- function(trace) shorten(user_frames(user_calls(trace$call)))

# subprocess_stack() returns the frames that callr has kept, as text, of an error in a subprocess,
# if any.
subprocess_stack <- function(trace) {
  texts <- vapply(as.list(trace$call), function(call) paste(call, collapse = " "), character(1))
  texts <- texts[!grepl("^(\\.handleSimpleError|h)\\(", texts)]
  shorten(lapply(texts, function(text) list(call = clean_text(text, 400L))))
}

# without_fail() evaluates `stack`, and returns an empty one if that fails: what user code has put
# in a call or in a condition must not become another error.
without_fail <- function(stack) tryCatch(stack, error = function(e) list())

# user_calls() returns the calls behind the runtime's own.
user_calls <- function(calls) {
  marked <- which(vapply(calls, is_call_to, logical(1), name = "call_user"))
  if (!length(marked)) {
    return(list())
  }
  calls <- calls[-seq_len(marked[[1L]] + 2L)]
  hidden <- which(vapply(calls, is_call_to, logical(1), name = "in_runtime"))
  if (length(hidden)) calls[seq_len(hidden[[1L]] - 1L)] else calls
}

# without_internals() removes from `calls` those that functions of the runtime make inside: of
# png_response() it keeps the call itself and what its argument calls. `frames` and `parents` are
# sys.frames() and sys.parents(). It keeps everything before user code, and the last call, the
# handler of the condition.
without_internals <- function(calls, frames, parents) {
  marked <- which(vapply(calls, is_call_to, logical(1), name = "call_user"))
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

# is_internal() returns whether `env` is the environment of a call of one of the runtime's
# functions.
is_internal <- function(env) {
  while (!identical(env, globalenv()) && !identical(env, baseenv()) && !identical(env, emptyenv())) {
    if (identical(env, environment(is_internal))) {
      return(TRUE)
    }
    env <- parent.env(env)
  }
  FALSE
}

# shorten() leaves out the middle of a long stack: the two ends describe a deep recursion well
# enough. (An endless recursion has no stack, see failure_text().)
shorten <- function(frames) {
  n <- length(frames)
  if (n <= 100L) {
    return(frames)
  }
  gap <- list(call = paste0("... (", n - 100L, " calls left out)"))
  c(frames[1:50], list(gap), frames[(n - 49L):n])
}

# user_frames() returns frames for the calls that a reader can find in the source. It leaves out
# how base and rlang handle conditions and evaluate expressions.
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

# is_machinery() returns whether base or rlang makes a call on behalf of user code, to handle
# conditions or to evaluate expressions. (A user's own call of the same function has a srcref.)
is_machinery <- function(call) {
  called_name(call) %in% c(
    "tryCatch", "tryCatchList", "tryCatchOne", "doTryCatch", "withCallingHandlers",
    "withRestarts", "withOneRestart", "doWithOneRestart",
    "eval", "evalq", "eval.parent", "signalCondition", "signal_abort", "entrace", "cnd_signal"
  ) ||
    identical(call, quote(value[[3L]](cond))) ||
    identical(call, quote(h(simpleError(msg, call)))) ||
    identical(call, quote(handlers[[1L]](cnd))) ||
    # a calling handler, as C code calls it
    typeof(call[[1L]]) == "closure" && length(call) == 2L && inherits(call[[2L]], "condition")
}

# origin_frame() returns the frame of an error in a function that has no frame, such as `+`, in a
# list. The condition has its call, and R's frame for the handler has its line. The list is
# empty if the call is one of `calls`, or the runtime's own eval().
origin_frame <- function(call, calls, srcref) {
  is_known <- any(vapply(calls, function(other) identical(call, unmarked(other)), logical(1)))
  if (is.call(call) && !is_machinery(call) && !is_known) {
    list(stack_frame(call, srcref))
  }
}

# frames_beyond() returns `frames` without those at its outer end that are also in `stack`.
frames_beyond <- function(frames, stack) {
  shared <- 0L
  most <- min(length(frames), length(stack))
  while (shared < most && identical(frames[[shared + 1L]], stack[[shared + 1L]])) {
    shared <- shared + 1L
  }
  frames[seq_along(frames) > shared]
}

# is_call_to() returns whether a call names this function, without a package.
is_call_to <- function(call, name) {
  is.name(call[[1L]]) && identical(as.character(call[[1L]]), name)
}

# called_name() returns the name of the called function without its package, "" if it has none.
called_name <- function(call) {
  called <- call[[1L]]
  if (is.call(called) && length(called) == 3L && as.character(called[[1L]])[[1L]] %in% c("::", ":::")) {
    called <- called[[3L]]
  }
  if (is.name(called)) as.character(called) else ""
}

# unmarked() returns a call without its source reference.
unmarked <- function(call) {
  attr(call, "srcref") <- NULL
  call
}

# stack_frame() returns the frame of a call: list(call, file, line).
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

# call_text() returns a call as text: its first line, and "..." for any others. (deparse() makes
# no more than two, because a call can contain a whole data set.) For a function without a name,
# as do.call() and mapply() call it, the text has the function's arguments instead of its body.
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
