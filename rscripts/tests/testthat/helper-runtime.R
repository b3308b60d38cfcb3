# What every test needs: the runtime's R files in an environment like the worker's,
# see embed.go.

runtime <- new.env(parent = baseenv())
for (file in Sys.glob("../../*/*.R")) {
  sys.source(file, runtime)
}

# failure() evaluates `expr` and returns the failure that it stops with.
failure <- function(expr) {
  tryCatch(
    {
      force(expr)
      stop("there was no failure")
    },
    runtime_failure = identity
  )
}

# expect_failure_type() expects that `expr` fails with this error type and with a
# message that has all of `...` in it.
expect_failure_type <- function(expr, type, ...) {
  failed <- failure(expr)
  expect_identical(failed$type, type)
  for (text in c(...)) {
    expect_match(conditionMessage(failed), text, fixed = TRUE)
  }
}

# source_code() sources lines of user code as load_handler() does, from a file of this
# name in a new working directory, which lasts as long as the test. What they
# define is removed from the global environment then, too.
source_code <- function(lines, name = "functions.R", env = parent.frame()) {
  in_user_dir(env)
  writeLines(lines, name)
  runtime$source_user(name)
}

in_user_dir <- function(env = parent.frame()) {
  dir <- tempfile("user")
  dir.create(dir)
  old_dir <- setwd(dir)
  old_names <- ls(globalenv(), all.names = TRUE)
  withr::defer(
    {
      setwd(old_dir)
      unlink(dir, recursive = TRUE)
      rm(list = setdiff(ls(globalenv(), all.names = TRUE), old_names), envir = globalenv())
    },
    envir = env
  )
}

# call_named() calls a function of the global environment as the worker calls the
# handler, and returns list(value, log): its value or failure, and the log records.
call_named <- function(name, args = list()) {
  log <- list()
  value <- runtime$with_conditions(
    function() runtime$call_handler(get(name, globalenv()), name, args),
    log = function(level, message, call) {
      log[[length(log) + 1L]] <<- list(level = level, message = message, call = call)
    }
  )
  list(value = value, log = log)
}

# stack_text() returns a stack as Go prints it: call (file:line).
stack_text <- function(stack) {
  vapply(
    stack,
    function(frame) {
      if (is.null(frame$file)) frame$call else paste0(frame$call, " (", frame$file, ":", frame$line, ")")
    },
    ""
  )
}

# bytes_con() returns a connection to read `bytes` from; the test closes it.
bytes_con <- function(bytes, env = parent.frame()) {
  con <- rawConnection(bytes)
  withr::defer(close(con), envir = env)
  con
}

# event_json() returns the text of a file in events/.
event_json <- function(name) {
  path <- file.path(events_dir, paste0(name, ".json"))
  runtime$bytes_to_text(readBin(path, "raw", file.size(path)))
}

events_dir <- normalizePath("events")

# begin_invocation() makes this text the event of the invocation that runs, until the
# end of the test, and returns what the handler gets. Log records come into `logged`.
begin_invocation <- function(text, handler = function(event) NULL, env = parent.frame()) {
  runtime$current$event <- runtime$read_event(charToRaw(enc2utf8(text)), handler)
  logged$records <- list()
  runtime$current$log <- function(level, message, call = NULL, fields = list()) {
    logged$records[[length(logged$records) + 1L]] <- list(level = level, message = message, fields = fields)
  }
  withr::defer(runtime$current$event <- runtime$current$log <- NULL, envir = env)
  runtime$current$event$value
}

logged <- new.env()

# keep_settings() gives the runtime's settings back as they are now when the test ends.
keep_settings <- function(env = parent.frame()) {
  before <- as.list(runtime$settings, all.names = TRUE)
  withr::defer(
    {
      rm(list = ls(runtime$settings, all.names = TRUE), envir = runtime$settings)
      list2env(before, runtime$settings)
    },
    envir = env
  )
}

# file_pipes() returns the `io` of a worker, for as long as the calling function runs:
# files stand for its two pipes. `requests` is what it reads; runtime$reply_path is where
# it writes.
file_pipes <- function(requests = raw(), env = parent.frame()) {
  paths <- normalizePath(c(tempfile(), tempfile()), mustWork = FALSE)
  writeBin(requests, paths[[1L]])
  file.create(paths[[2L]])
  old <- mget(c("request_path", "reply_path", "reset_output"), runtime)
  runtime$request_path <- paths[[1L]]
  runtime$reply_path <- paths[[2L]]
  runtime$reset_output <- function() NULL # testthat may have sinks of its own
  io <- list2env(list(
    pid = Sys.getpid(),
    requests = runtime$pipe_open(paths[[1L]], "rb"),
    replies = runtime$pipe_open(paths[[2L]], "wb")
  ))
  withr::defer(
    {
      list2env(old, runtime)
      close(io$requests)
      close(io$replies)
      unlink(paths)
    },
    envir = env
  )
  withr::local_envvar("_X_AMZN_TRACE_ID" = NA, .local_envir = env)
  io
}
