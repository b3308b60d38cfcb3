# plumber APIs: a handler that is a file, whose annotations or last value make a router.
# The router is called in this process with what an HTTP event says; no port is opened.

# is_file_handler() is TRUE for a handler's name that is an R file itself.
is_file_handler <- function(handler) {
  grepl("[.][Rr]$", handler) && file.exists(handler) && !dir.exists(handler)
}

# load_plumber_handler() returns the handler that a file's router is, a function of the
# decoded event, see event.R. The file is read as plumber::plumb() reads it: in its own
# folder; entrypoint.R is code whose value is the router. Any other file without
# annotations may be such code, too.
load_plumber_handler <- function(file) {
  dir <- normalizePath(dirname(file))
  old_dir <- setwd(dir)
  on.exit(setwd(old_dir))
  name <- basename(file)
  is_entrypoint <- tolower(name) == "entrypoint.r"
  annotated <- has_annotations(name)
  if (annotated || is_entrypoint) {
    timed(attach_plumber(file), "plumber")
  }
  router <- if (annotated && !is_entrypoint) timed(plumb_user(name), readLines(name)) else source_user(name)
  if (!inherits(router, "Plumber")) {
    fail(
      "Runtime.NoSuchHandler", "the handler is \"", file, "\", a file, but it is no plumber API: it has no annotation ",
      "such as #* @get /path, and its last value is no plumber router. For a function in it ",
      "want file.function, for example ", sub("[.][Rr]$", "", file), ".parity"
    )
  }
  note_errors_of(router)
  # plumber's own exit hooks are run by its run(), which opens a port.
  run_hooks <- router$.__enclos_env__$private$runHooks
  on_shutdown(function() run_hooks("exit"))
  function(event) answer_by_router(router, dir, event)
}

# has_annotations() is TRUE for a file that says what plumber should make of it.
has_annotations <- function(file) {
  lines <- readLines(file, warn = FALSE)
  any(grepl("^#[*'][ \t]*@(get|put|post|use|delete|head|options|patch|filter|assets|plumber)\\b", lines, useBytes = TRUE))
}

# attach_plumber() attaches the package, as whoever calls plumb() has done.
attach_plumber <- function(file) {
  tryCatch(
    library("plumber", character.only = TRUE, warn.conflicts = FALSE),
    error = function(e) {
      fail(
        "Runtime.ImportModuleError", "the handler is \"", file, "\", a plumber API, but the plumber package cannot be loaded: ",
        condition_text(e), ". Install it in the image: r-cran-plumber on Debian, or install.packages(\"plumber\")"
      )
    }
  )
}

# plumb_user() is source_user() for a file with annotations: it returns the router.
plumb_user <- function(file) {
  parse_user(file) # plumber would print what is wrong with the syntax, and stop without it
  calling_stopped(
    call_user(as.call(list(quote(plumber::plumb), file)), globalenv()),
    function(e, calls) plumb_failed(e, file, without_fail(capture_stack(calls, e)))
  )
}

# plumb_failed() stops with what keeps a file from being plumbed. plumber makes one text
# of the error and of the line before the statement, or of the annotation that is wrong.
plumb_failed <- function(e, file, stack) {
  text <- condition_text(e)
  told <- regmatches(text, regexec("(?s)^Error on line #([0-9]+): '.*?' - (.*)$", text, perl = TRUE))[[1L]]
  if (!length(told)) {
    fail(init_error_type(e), file, ": ", text, stack = stack)
  }
  in_statement <- startsWith(told[[3L]], "Error")
  fail(
    if (grepl("there is no package called", text, fixed = TRUE)) "Runtime.ImportModuleError" else "Runtime.InitError",
    file, ":", as.integer(told[[2L]]) + in_statement, ": ", told[[3L]],
    stack = stack
  )
}

# note_errors_of() makes a router's endpoints and filters tell their errors, with the
# stack, before plumber catches them. Of errors elsewhere, in hooks and serializers, there
# is no more than what plumber's error handler gets.
note_errors_of <- function(router) {
  answer_error <- router$.__enclos_env__$private$errorHandler
  router$setErrorHandler(function(req, res, err) {
    if (is.null(current$invocation$noted) && inherits(err, "condition")) {
      current$invocation$noted <- failure_of(err, list())
    }
    answer_error(req, res, err)
  })
  for (step in c(unlist(router$endpoints), router$filters)) {
    step$registerHook("aroundexec", note_error)
  }
  for (mounted in router$mounts) {
    note_errors_of(mounted)
  }
}

# note_error() is a hook around an endpoint. What runs it comes last, and not by its name
# alone: the caller's query can have a key of the same name.
note_error <- function(...) {
  args <- list(...)
  proceed <- args[[length(args)]]
  args <- args[-length(args)]
  depth <- sys.nframe()
  calling_stopped(
    call_user(quote(do.call(proceed, args)), environment()),
    function(e, calls) {
      stack <- without_fail(capture_stack(without_plumber(calls[-seq_len(depth)]), e))
      current$invocation$noted <- failure_of(e, stack, condition_parents(e, stack))
    }
  )
}

# without_plumber() drops plumber's frames between call_user()'s and the user's function.
without_plumber <- function(calls) {
  runs_user <- vapply(calls, function(call) is_call_to(call, "do.call") && identical(call[[2L]], quote(private$func)), NA)
  marked <- vapply(calls, is_call_to, NA, name = "call_user")
  if (!any(runs_user)) {
    return(calls)
  }
  calls[-seq(which(marked)[[1L]] + 3L, which(runs_user)[[1L]])]
}

# answer_by_router() returns the JSON of the response that the router gives to an event.
# An error that it made a 5xx of goes along, as the attribute "failure", for the log.
answer_by_router <- function(router, dir, event) {
  request <- event$request
  if (is.null(request$method) || is.null(request$path)) {
    fail(
      "Runtime.InvalidArguments", "the handler is a plumber API, which answers HTTP requests, and this event is none: ",
      "send an event of API Gateway, a function URL or a load balancer; `bootstrap local --http` makes them of plain requests"
    )
  }
  old_dir <- setwd(dir) # plumber's assets are relative to its file
  on.exit(setwd(old_dir))
  input <- rook_input(request_bytes(request))
  on.exit(input$close(), add = TRUE)
  current$invocation$noted <- NULL
  answer <- await_promise(router$call(rook_request(event, input)))
  if (!is.list(answer) || is.null(answer[["status"]])) { # what the error handler has returned
    fail(
      "Runtime.MarshalError", "plumber made no response: its serializer failed",
      if (!is.null(current$invocation$noted)) paste0(": ", current$invocation$noted$message)
    )
  }
  response <- rook_response(answer)
  json <- encode_or_fail(proxy_result(response, request))
  if (response$status >= 500L) {
    attr(json, "failure") <- current$invocation$noted
  }
  json
}

# await_promise() returns what a promise resolves to. The invocation's deadline interrupts it:
# run_now() looks for interrupts only when it returns.
await_promise <- function(value) {
  if (!promises::is.promise(value)) {
    return(value)
  }
  settled <- NULL
  promises::then(value, function(value) settled <<- list(value = value), function(error) settled <<- list(error = error))
  while (is.null(settled)) {
    later::run_now(0.05)
  }
  if (!is.null(settled$error)) {
    stop(settled$error)
  }
  settled$value
}
