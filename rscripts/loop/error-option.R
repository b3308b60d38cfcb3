# The user's options(error = ).

# run_error_option() evaluates options(error = ) for an error that user code does not catch, as R
# does at its top level, where a worker never is. The stack is still there for traceback(2) and
# dump.frames(). quit() ends only the evaluation, because the error is still to be reported. An
# error in it is logged.
#
# stop_html() is an answer, for which nothing runs.
run_error_option <- function(cond) {
  hook <- getOption("error")
  if (is.null(hook) || inherits(cond, c("html_error", "runtime_failure"))) {
    return(invisible())
  }
  call <- shown_call(cond)
  intro <- if (is.null(call)) "Error: " else paste("Error in", call_text(call), ": ")
  .Internal(seterrmessage(paste0(intro, condition_text(cond), "\n"))) # for geterrmessage()
  mask_quit()
  on.exit(unmask_quit())
  tryCatch(
    for (call in if (is.expression(hook)) hook else list(hook)) {
      call_user(call, globalenv())
    },
    runtime_quit = function(e) NULL,
    error = function(e) current$log("warn", paste0("options(error = ) failed: ", condition_text(e)))
  )
  invisible()
}

# mask_quit() lets user code find another quit(), which ends the evaluation of options(error = ).
mask_quit <- function() {
  quit <- function(...) stop(structure(class = c("runtime_quit", "error", "condition"), list(message = "quit", call = NULL)))
  attached <- as.environment("lambda")
  for (name in c("q", "quit")) {
    assign(name, quit, attached)
  }
}

unmask_quit <- function() rm(list = c("q", "quit"), envir = as.environment("lambda"))
