# plumber APIs: a handler that is a file, whose annotations or last value make a router. The router
# is called in this process with the request of an HTTP event; no port is opened.

# is_file_handler() returns TRUE if the handler's name is an R file.
is_file_handler <- function(handler) {
  grepl("[.][Rr]$", handler) && is_file(handler)
}

# load_plumber_handler() returns a handler that calls a file's router: a function of the decoded
# event, see event.R. The file is read as plumber::plumb() reads it, in its own folder. The value
# of entrypoint.R is the router, as is that of any other file without annotations.
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
      "Runtime.NoSuchHandler", "the handler is \"", file, "\", a file, but it is not a plumber API: it has no annotation ",
      "such as #* @get /path, and its last value is not a plumber router. To name a function in it, ",
      "write file.function, for example ", sub("[.][Rr]$", "", file), ".parity"
    )
  }
  note_errors_of(router)
  # plumber runs its exit hooks in run(), which opens a port.
  private <- router$.__enclos_env__$private
  if (length(private$hooks$exit)) {
    on_shutdown(function() private$runHooks("exit"))
  }
  function(event) answer_by_router(router, dir, event)
}

# has_annotations() returns TRUE for a file with plumber annotations.
has_annotations <- function(file) {
  lines <- readLines(file, warn = FALSE)
  any(grepl("^#[*'][ \t]*@(get|put|post|use|delete|head|options|patch|filter|assets|plumber)\\b", lines, useBytes = TRUE))
}

# attach_plumber() attaches the package, as callers of plumb() do.
attach_plumber <- function(file) {
  package <- "plumber" # in a variable, because R CMD check takes a name for a dependency
  tryCatch(
    library(package, character.only = TRUE, warn.conflicts = FALSE),
    error = function(e) {
      fail(
        "Runtime.ImportModuleError", "the handler is \"", file, "\", a plumber API, but the plumber package cannot be loaded: ",
        condition_text(e), ". Install it in the image: r-cran-plumber on Debian, or install.packages(\"plumber\")"
      )
    }
  )
}

# plumb_user() is source_user() for a file with annotations. It returns the router.
plumb_user <- function(file) {
  expressions <- parse_user(file) # plumber prints a syntax error instead of including it in its own
  provide_packages(attr(expressions, "srcfile")$lines)
  on_stopped(
    call_user(as.call(list(quote(plumber::plumb), file)), globalenv()),
    function(cond, at, outer) outer(plumb_failure(cond, file, without_fail(stack_of(cond, at))), at)
  )
}

# plumb_failure() returns the error that plumb() met. plumber's text for it begins with a line
# number: that of the wrong annotation, or that before the statement that failed.
plumb_failure <- function(e, file, stack) {
  text <- condition_text(e)
  parts <- regmatches(text, regexec("(?s)^Error on line #([0-9]+): '.*?' - (.*)$", text, perl = TRUE))[[1L]]
  if (!length(parts)) {
    return(new_fail(init_error_type(e), file, ": ", text, stack = stack))
  }
  in_statement <- startsWith(parts[[3L]], "Error")
  new_fail(
    if (grepl("there is no package called", text, fixed = TRUE)) "Runtime.ImportModuleError" else "Runtime.InitError",
    file, ":", as.integer(parts[[2L]]) + in_statement, ": ", parts[[3L]],
    stack = stack
  )
}

# note_errors_of() hooks a router's endpoints and filters so that their errors are noted, with the
# stack, before plumber catches them. Of errors in hooks and serializers, only the condition that
# plumber's error handler receives is noted.
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

# note_error() is a hook around an endpoint. The function to call is its last argument. It cannot
# be found by name: the caller's query can have a key of the same name.
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

# without_plumber() drops plumber's frames between call_user() and the user's function.
without_plumber <- function(calls) {
  runs_user <- vapply(calls, function(call) is_call_to(call, "do.call") && identical(call[[2L]], quote(private$func)), logical(1))
  marked <- vapply(calls, is_call_to, logical(1), name = "call_user")
  if (!any(runs_user)) {
    return(calls)
  }
  calls[-seq(which(marked)[[1L]] + 3L, which(runs_user)[[1L]])]
}

# answer_by_router() returns the JSON of the router's response to an event. If the response is a
# 5xx, its attribute "failure" is the error behind it, for the log.
answer_by_router <- function(router, dir, event) {
  request <- event$request
  if (is.null(request$method) || is.null(request$path)) {
    fail(
      "Runtime.InvalidArguments", "the handler is a plumber API, and this event is not an HTTP request: ",
      "send an event of API Gateway, a function URL or a load balancer; `bootstrap local --http` makes one from any request"
    )
  }
  old_dir <- setwd(dir) # plumber's assets are relative to its file
  on.exit(setwd(old_dir))
  input <- rook_input(request_bytes(request))
  on.exit(input$close(), add = TRUE)
  current$invocation$noted <- NULL
  answer <- await_promise(router$call(rook_request(event, input)))
  if (!is.list(answer) || is.null(answer[["status"]])) { # the return value of the error handler
    fail(
      "Runtime.MarshalError", "plumber did not return a response: its serializer failed",
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

# await_promise() returns the value that a promise resolves to, and any other value unchanged. R
# handles an interrupt, such as the deadline's, only when run_now() returns.
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
