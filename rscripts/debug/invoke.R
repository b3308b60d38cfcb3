# The functions of a session of `bootstrap debug`.

# invoke() runs the handler with an event, as a worker does, but lets R handle its errors, warnings
# and interrupts. It returns what the caller would get: the text of the JSON, of class "json". Without
# an event it takes the last one, at first the one of --event.
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
  if (is.list(event) && !length(event)) {
    return(list(text = "{}")) # an event without arguments
  }
  if (!is.character(event) || inherits(event, "json")) {
    return(list(text = if (inherits(event, "json")) paste(event, collapse = "\n") else as.character(encode_or_fail(event))))
  }
  if (length(event) != 1L || is.na(event)) {
    stop("invoke(): event must be a list, the path of a file, or one string of JSON", call. = FALSE)
  }
  if (file.exists(event)) {
    return(list(path = normalizePath(event)))
  }
  valid <- jsonlite::validate(event)
  if (!valid) {
    stop("invoke(): ", quoted(event), " is neither a file nor JSON: ", attr(valid, "err"), call. = FALSE)
  }
  list(text = event)
}

# text_of_event() returns the JSON text of what given_event() returned. A file is read again each time.
text_of_event <- function(source) {
  if (is.null(source$path)) {
    return(source$text)
  }
  if (!file.exists(source$path)) {
    stop("invoke(): the file of the event is gone: ", source$path, call. = FALSE)
  }
  rawToChar(readBin(source$path, "raw", file.size(source$path)))
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
  current$invocation <- invocation
  current$log <- session$log
  restore_process_state(session$log)
  answer <- tryCatch( # of two classes only: R handles every other error where it occurs
    evaluate(invocation, handler, charToRaw(enc2utf8(text))),
    html_error = function(e) public_response(e, invocation),
    runtime_failure = function(e) public_response(e, invocation)
  )
  failure <- attr(answer, "failure")
  if (!is.null(failure)) {
    show_failure(failure)
  }
  if (length(invocation$sent_files)) {
    unlink(invocation$sent_files)
  }
  structure(as.vector(answer), class = "json")
}

# public_response() returns the response for an error that the caller of an HTTP source may read, such
# as that of stop_html(). Otherwise it stops with that error.
public_response <- function(cond, invocation) {
  public <- public_answer(cond)
  if (is.null(public) || !is_http(invocation$event$source)) {
    stop(cond)
  }
  failure_response(public, invocation$event$request, invocation$frame$id)
}

# current_handler() returns the handler with the function that has its name now: trace(), which
# setBreakpoint() calls, replaces functions, and the user may have defined it anew.
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
# Lambda's maximum, and nothing enforces it.
debug_frame <- function() {
  session$invocations <- session$invocations + 1
  list(
    id = sprintf("00000000-0000-0000-0000-%012.0f", session$invocations),
    deadline_ms = now_ms() + 900000,
    invoked_function_arn = "arn:aws:lambda:us-east-1:012345678912:function:function"
  )
}
