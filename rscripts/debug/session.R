# The session of `bootstrap debug`: an interactive R that has loaded the handler as a worker does.
# Nothing catches the errors of an invocation there, so that R's own debugging tools see them.

# session holds:
#   handler_name  the handler's name
#   handler       the handler, see new_handler(); NULL if it cannot be loaded
#   event         the event of invoke() without an argument: list(text) or list(path); NULL if there is none
#   recorded      the path of the file with the events of bootstrap local; "" if there is none
#   log           what prints log records, see new_debug_log()
#   settings      the settings before the load, a list
#   invocations   how many there were
session <- new.env(parent = emptyenv())
session$invocations <- 0

# begin_debugging() is called by R's start, instead of the user's profile, before the default
# packages are attached. It evaluates that profile and arranges that the session starts when R is
# complete. If the profile fails, R reports that and continues, as without bootstrap.
#
# config: list(handler, event, recorded, log_level, profile). `event` is a path or ""; `profile` is
#   the R_PROFILE_USER that bootstrap has replaced, NULL if it was not set.
begin_debugging <- function(config) {
  user_jit_on()
  if (is.null(config$profile)) Sys.unsetenv("R_PROFILE_USER") else Sys.setenv(R_PROFILE_USER = config$profile)
  on.exit(start_with(config))
  run_profile(user_profile(config$profile))
}

# start_with() replaces the user's .First(), which R calls next, by one that calls it, attaches the
# default packages and starts the session.
start_with <- function(config) {
  users <- get0(".First", globalenv(), mode = "function", inherits = FALSE)
  first <- function() {
    rm(".First", envir = globalenv())
    if (!is.null(users)) {
      assign(".First", users, globalenv())
    }
    on.exit({
      .First.sys()
      start_debugging(config)
    })
    if (!is.null(users)) {
      users()
    }
  }
  assign(".First", first, globalenv())
}

# user_profile() returns the path of the profile that R would read, "" if there is none.
user_profile <- function(profile) {
  candidates <- if (is.null(profile)) c(".Rprofile", "~/.Rprofile") else profile
  found <- Filter(is_file, candidates)
  if (length(found)) found[[1L]] else ""
}

# run_profile() evaluates a profile as R does. No handler may be established meanwhile, because a
# profile may call globalCallingHandlers().
run_profile <- function(path) {
  if (!nzchar(path)) {
    return(invisible())
  }
  for (expression in parse(path)) {
    value <- withVisible(eval(expression, globalenv()))
    if (value$visible) {
      print(value$value)
    }
  }
}

# start_debugging() loads the handler and attaches the functions of the session.
start_debugging <- function(config) {
  options(keep.source = TRUE, device = null_device)
  session$handler_name <- config$handler
  session$event <- if (nzchar(config$event)) list(path = config$event)
  session$recorded <- config$recorded
  session$log <- new_debug_log(config$log_level)
  settings$hints <- TRUE # as bootstrap local
  session$settings <- as.list(settings)
  require_jsonlite()
  attach_user_api()
  attach_debug_functions()
  load_session()
  user_jit_on()
  if (interactive()) {
    greet()
  }
}

# attach_debug_functions() attaches them behind everything else, so that user code never gets one
# of them instead of its own function. With a dot they can be called even then.
attach_debug_functions <- function() {
  functions <- list(invoke = invoke, replay = replay, recorded_events = recorded_events, reload = reload)
  dotted <- functions
  names(dotted) <- paste0(".", names(dotted))
  attach(c(functions, dotted), name = "lambda_debug", pos = length(search()))
}

# load_session() loads the handler as a worker does. An error is shown, and what was loaded before it
# stays.
load_session <- function() {
  on.exit(remove_handlers())
  install_handlers()
  loaded <- load_or_fail(session$handler_name, session$log)
  session$handler <- loaded$handler
  if (!is.null(loaded$failure)) {
    show_failure(loaded$failure)
    cat("The handler is not loaded. What came before the error is. After a correction, call reload().\n", file = stderr())
  }
  invisible(!is.null(loaded$handler))
}

# remove_handlers() undoes install_handlers().
remove_handlers <- function() {
  users <- Filter(function(handler) !is_runtime_handler(handler), globalCallingHandlers(NULL))
  if (length(users)) {
    globalCallingHandlers(users)
  }
}

# show_failure() prints a failure, see new_failure(), with its stack.
show_failure <- function(failure) {
  lines <- vapply(failure$stack, function(frame) {
    where <- if (!is.null(frame$file)) paste0(" (", frame$file, ":", frame$line, ")")
    paste0("  ", frame$call, where, "\n")
  }, character(1))
  cat("Error: ", failure$type, ": ", failure$message, "\n", lines, sep = "", file = stderr())
}

greet <- function() {
  if (is.null(session$handler)) {
    return(invisible())
  }
  required <- session$handler$arguments$required
  example <- if (!is.null(session$event)) "" else paste0("list(", paste(required, "= 1", collapse = ", "), ")")
  if (!length(required)) {
    example <- if (is.null(session$event)) "list()" else ""
  }
  prefix <- if (identical(utils::find("invoke"), "lambda_debug")) "" else "."
  cat(
    session$handler_name, " is loaded in R ", as.character(getRversion()), ".\n",
    "  ", prefix, "invoke(", example, ")  runs it; debugonce(), browser(), setBreakpoint() and options(error = recover) work\n",
    "  ", prefix, "replay()  runs the last event of bootstrap local again; recorded_events() lists them\n",
    "  ", prefix, "reload()  loads the handler again; q() ends R\n",
    sep = ""
  )
}

# new_debug_log() returns a function that prints log records on standard error, see log_to().
new_debug_log <- function(lowest) {
  function(level, message, call = NULL, fields = list(), load = NULL, line = NULL) {
    if (!is.null(line)) {
      cat(line, "\n", sep = "", file = stderr())
    } else if (log_levels[[level]] >= log_levels[[lowest]]) {
      shown <- if (length(fields)) paste0(" ", names(fields), "=", vapply(fields, log_field, character(1)))
      where <- if (!is.null(call)) paste0(" (", call_text(call), ")")
      cat(toupper(level), " ", message, shown, where, "\n", sep = "", file = stderr())
    }
    invisible()
  }
}
