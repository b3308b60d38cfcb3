# Shared by all tests: the runtime's R files in an environment like the worker's, see
# embed.go.

# room_files() returns the R files, but not those of the given rooms.
room_files <- function(...) {
  files <- Sys.glob("../../*/*.R")
  files[!basename(dirname(files)) %in% c(...)]
}

runtime <- new.env(parent = baseenv())
for (file in room_files("package", "web")) {
  sys.source(file, runtime)
}
runtime$register_methods()

# A worker's handlers are global. R does not allow that here, because testthat has established
# handlers. So the functions that rely on them establish them around the code that they evaluate.
runtime$install_handlers <- function() NULL
runtime$catch_stopped <- local(
  function(expr, handle, ...) {
    catch_stopped(do.call(withCallingHandlers, c(list(quote(expr)), runtime_handlers)), handle, ...)
  },
  envir = list2env(list(catch_stopped = runtime$catch_stopped), parent = runtime)
)

# failure() evaluates `expr` and returns the failure that it stops with.
failure <- function(expr) {
  runtime$catch_stopped(
    {
      expr
      stop("there was no failure")
    },
    function(cond, stack) if (inherits(cond, "runtime_failure")) cond else stop(cond)
  )
}

# expect_failure_type() expects that `expr` fails with this error type and with a message that
# contains each of `...`.
expect_failure_type <- function(expr, type, ...) {
  failed <- failure(expr)
  expect_identical(failed$type, type)
  for (text in c(...)) {
    expect_match(conditionMessage(failed), text, fixed = TRUE)
  }
}

# source_code() sources lines of user code as load_handler() does, from a file of this name in
# a new working directory. The test's end removes both, and what the lines define.
source_code <- function(lines, name = "functions.R", env = parent.frame()) {
  in_user_dir(env)
  writeLines(lines, name)
  runtime$source_user(name)
}

# in_user_dir() changes to a new working directory until the end of the test. Then it removes
# that, what the test defined in the global environment, and what provide_packages() provided.
in_user_dir <- function(env = parent.frame()) {
  dir <- tempfile("user")
  dir.create(dir)
  old_dir <- setwd(dir)
  old_names <- ls(globalenv(), all.names = TRUE)
  old_paths <- .libPaths()
  withr::defer(
    {
      forget_lambdaruntime(old_paths)
      setwd(old_dir)
      unlink(dir, recursive = TRUE)
      rm(list = setdiff(ls(globalenv(), all.names = TRUE), old_names), envir = globalenv())
    },
    envir = env
  )
}

# forget_lambdaruntime() undoes provide_lambdaruntime().
forget_lambdaruntime <- function(library_paths) {
  if (!isNamespaceLoaded("lambdaruntime")) {
    return(invisible())
  }
  if ("package:lambdaruntime" %in% search()) {
    detach("package:lambdaruntime", character.only = TRUE)
  }
  path <- getNamespaceInfo("lambdaruntime", "path")
  .Internal(unregisterNamespace("lambdaruntime"))
  if (basename(dirname(path)) == "lambda-r-library") {
    unlink(path, recursive = TRUE)
  }
  .libPaths(library_paths)
}

# call_named() calls a function of the global environment as the worker calls the handler. It
# returns what run() does.
call_named <- function(name, args = list()) {
  run(runtime$call_handler(runtime$new_handler(get(name, globalenv()), name), args))
}

# run() evaluates `expr` under with_conditions(). It returns list(value, log): the value or
# failure, and the log records.
run <- function(expr) {
  log <- list()
  value <- runtime$with_conditions(
    function() expr,
    log = function(level, message, call) {
      log[[length(log) + 1L]] <<- list(level = level, message = message, call = call)
    }
  )
  list(value = value, log = log)
}

# expect_report() expects that `expr` becomes a failure of this type and message.
expect_report <- function(expr, type, message) {
  got <- run(expr)$value
  expect_s3_class(got, "failure")
  expect_identical(got$type, type)
  expect_identical(got$message, message)
}

# custom() returns a condition of the given classes and fields.
custom <- function(class, ..., call = NULL) {
  structure(class = c(class, "condition"), list(..., call = call))
}

# stack_text() returns a stack as Go prints it: call (file:line).
stack_text <- function(stack) {
  vapply(
    stack,
    function(frame) {
      if (is.null(frame$file)) frame$call else paste0(frame$call, " (", frame$file, ":", frame$line, ")")
    },
    character(1)
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

# read_event() decodes an event for a function as the worker does for its handler.
read_event <- function(text, fn = function(event) NULL) {
  runtime$read_event(charToRaw(enc2utf8(text)), runtime$new_handler(fn, "handler"))
}

# bind_arguments() returns the arguments that an event gives a function.
bind_arguments <- function(text, fn) {
  runtime$bind_arguments(read_event(text, fn), runtime$new_handler(fn, "handler"))
}

# begin_invocation() begins an invocation with the event of this text, until the end of the
# test, and returns the event's value. Its log records are in `logged`.
begin_invocation <- function(text, fn = function(event) NULL, env = parent.frame()) {
  runtime$current$invocation <- new.env()
  runtime$current$invocation$event <- read_event(text, fn)
  logged$records <- list()
  runtime$current$log <- function(level, message, call = NULL, fields = list()) {
    logged$records[[length(logged$records) + 1L]] <- list(level = level, message = message, fields = fields)
  }
  withr::defer(runtime$current$invocation <- runtime$current$log <- NULL, envir = env)
  runtime$current$invocation$event$value
}

logged <- new.env()

# keep_settings() restores the runtime's settings at the end of the test.
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

# file_io() returns the `io` of a worker, for as long as the calling function runs. Files
# stand for its pipes; `requests` is what it reads. Its log tag is "TAG".
file_io <- function(requests = raw(), log_level = "info", env = parent.frame()) {
  paths <- normalizePath(c(tempfile(), tempfile(), tempfile(), tempfile()), mustWork = FALSE)
  writeBin(requests, paths[[1L]])
  file.create(paths[-1L])
  keep_sinks(env)
  io <- runtime$open_io(paths[[1L]], paths[[2L]])
  runtime$open_log(io, list(log_tag = "TAG", log_level = log_level), paths[[3L]], paths[[4L]])
  withr::defer(
    {
      for (con in list(io$requests, io$replies, io$out, io$err)) {
        close(con)
      }
      unlink(paths)
    },
    envir = env
  )
  withr::local_envvar("_X_AMZN_TRACE_ID" = NA, .local_envir = env)
  io
}

# log_records() returns the log records that a worker wrote to its standard error, which must hold
# nothing else.
log_records <- function(io) {
  records <- list()
  json <- ""
  start <- "^TAG[0-9]+ [0-9]+[+]? "
  for (line in readLines(io$err_path)) { # bytes: a piece can end inside a character
    expect_true(nchar(line, "bytes") < 4096L && grepl(start, line, useBytes = TRUE))
    json <- paste0(json, sub(start, "", line, useBytes = TRUE))
    if (!grepl("^TAG[0-9]+ [0-9]+[+] ", line, useBytes = TRUE)) {
      Encoding(json) <- "UTF-8"
      records[[length(records) + 1L]] <- jsonlite::parse_json(json)
      json <- ""
    }
  }
  records
}

# keep_sinks() keeps the runtime from removing testthat's sinks, until the end of the test.
keep_sinks <- function(env = parent.frame()) {
  reset_output <- runtime$reset_output
  runtime$reset_output <- function() NULL
  withr::defer(runtime$reset_output <- reset_output, envir = env)
}

# replies() returns the frames that a worker wrote to its reply file, raw bytes.
replies <- function(io) {
  con <- file(io$reply_path, "rb", raw = TRUE)
  on.exit(close(con))
  frames <- list()
  while (!is.null(frame <- runtime$read_frame(con))) {
    frames[[length(frames) + 1L]] <- frame
  }
  frames
}

# in_new_r() runs R code in an R of its own, with the runtime, and returns what it printed.
in_new_r <- function(...) {
  files <- normalizePath(room_files("package", "web"))
  script <- withr::local_tempfile()
  writeLines(c(
    "runtime <- new.env(parent = baseenv())",
    paste0("for (file in ", paste(deparse(files), collapse = ""), ") sys.source(file, runtime)"),
    ...
  ), script)
  system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script), stdout = TRUE, stderr = TRUE)
}
