# The functions of a session of `bootstrap debug`.

# invoke() runs the handler with an event, as a worker does, but lets R handle its errors, warnings
# and interrupts. It returns what the caller would get: the text of the JSON, of class "json".
# Without an event it takes the last one, at first the one of --event.
#
# event: a list or another R value, the path of a file with JSON, or JSON text.
invoke <- function(event) {
  if (missing(event)) {
    if (is.null(session$event)) {
      stop("there is no event yet: give one, for example invoke(list(n = 1)), or start bootstrap debug with --event FILE", call. = FALSE)
    }
  } else {
    session$event <- given_event(event)
  }
  run_event(text_of_event(session$event))
}

# reload() loads the handler's file again, with the settings that it makes. It returns whether that
# worked, invisibly.
reload <- function() {
  rm(list = ls(settings), envir = settings)
  list2env(session$settings, settings)
  if (!is.null(initial$wd)) {
    setwd(initial$wd)
  }
  on.exit(user_jit_on())
  load_session()
}

# given_event() returns the event of invoke() in the form that the session keeps.
given_event <- function(event) {
  if (is_string(event) && !is.object(event) && is_file(event)) {
    return(list(path = normalizePath(event)))
  }
  text <- event_to_json(event, "invoke")
  valid <- jsonlite::validate(text)
  if (!valid) {
    stop("invoke(): ", quoted(text), " is neither a file nor JSON: ", attr(valid, "err"), call. = FALSE)
  }
  list(text = text)
}

# text_of_event() returns the JSON text of what given_event() returned. A file is read again each
# time.
text_of_event <- function(source) {
  if (is.null(source$path)) {
    return(source$text)
  }
  if (!is_file(source$path)) {
    stop("invoke(): the file of the event is gone: ", source$path, call. = FALSE)
  }
  file_text(source$path)
}

# run_event() runs one invocation.
run_event <- function(text) {
  if (is.null(session$handler)) {
    stop("the handler is not loaded: correct its file and call reload()", call. = FALSE)
  }
  handler <- current_handler()
  invocation <- list2env(
    list(frame = debug_frame(), log = session$log, started = now_ms(), whole = TRUE),
    envir = new.env(parent = emptyenv())
  )
  on.exit({
    current$invocation <- NULL
    user_jit_on()
  })
  user_jit_off()
  set_trace_id(invocation$frame$trace_id)
  restore_process_state(session$log)
  answer <- if (handler$kind == "durable") {
    evaluate_durable(invocation, handler, text)
  } else {
    evaluate_untrapped(invocation, handler, text)
  }
  failure <- attr(answer, "failure")
  if (!is.null(failure)) {
    show_failure(failure)
  }
  structure(as.vector(answer), class = "json")
}

# evaluate_durable() runs a durable handler with an execution in memory, until it returns or waits
# for a callback or another function, which a session cannot answer. Waits take no time.
evaluate_durable <- function(invocation, handler, text) {
  memory <- new_memory()
  invocation$send <- memory_sender(memory)
  repeat {
    invocation$frame$durable <- memory_frame(memory)
    answer <- evaluate_untrapped(invocation, handler, text)
    if (!is.null(memory$failure)) {
      stop(memory$failure$type, ": ", memory$failure$message, call. = FALSE)
    }
    if (!is_suspended(invocation)) {
      return(answer)
    }
    if (!skip_time(memory)) {
      stop("invoke(): the handler waits for a callback or for another function: test that with invoke_handler() of lambdaruntime", call. = FALSE)
    }
  }
}

# current_handler() returns the handler with the function that has its name now: trace(), which
# setBreakpoint() calls, replaces functions, and the user may have redefined it.
current_handler <- function() {
  handler <- session$handler
  parsed <- parse_handler(session$handler_name)
  if (handler$kind == "plumber") {
    return(handler)
  }
  fn <- if (is.null(parsed$package)) {
    get0(parsed$name, globalenv(), mode = "function", inherits = FALSE)
  } else {
    getExportedValue(parsed$package, parsed$name)
  }
  if (is.null(fn) || settings$lambdr_arguments) handler else new_handler(fn, parsed$name)
}

# debug_frame() returns an invoke frame with a new request id. The deadline is 15 minutes away,
# Lambda's maximum.
debug_frame <- function() {
  session$invocations <- session$invocations + 1
  desk_frame(sprintf("00000000-0000-0000-0000-%012.0f", session$invocations), 900)
}
