# What user code finds on its search path, as "lambda": functions of the runtime that
# are for handlers.

# on_shutdown() registers `f`, a function without arguments, to be called when the
# runtime ends this R in good order: at SIGTERM (in Lambda with
# LAMBDA_R_SIGTERM=true), at Ctrl-C, and when a worker is recycled. There are less than
# 400 ms for all of them, which run last registered first; an R that crashes or is
# killed runs none. Returns `f`, invisibly.
on_shutdown <- function(f) {
  if (!is.function(f)) {
    stop("on_shutdown() takes a function without arguments, not ", class(f)[[1L]])
  }
  shutdown$hooks <- c(list(f), shutdown$hooks)
  invisible(f)
}

shutdown <- new.env(parent = emptyenv())
shutdown$hooks <- list()

# attach_helpers() puts the helpers behind the user's objects and packages.
attach_helpers <- function() {
  attach(list(on_shutdown = on_shutdown), name = "lambda", pos = length(search()))
}

# run_shutdown_hooks() runs the hooks; one that fails does not keep the others from it.
run_shutdown_hooks <- function(log) {
  for (hook in shutdown$hooks) {
    outcome <- with_conditions(function() {
      call_user(as.call(list(hook)), globalenv())
      NULL
    }, log)
    if (inherits(outcome, "failure")) {
      log("error", paste0("on_shutdown hook failed: ", outcome$type, ": ", outcome$message), NULL)
    }
  }
}
