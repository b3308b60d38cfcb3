# The handler, the function that answers invocations, and how it is called.

# call_handler() calls the handler with its arguments as a user would write it, so
# that stack traces, match.call() and substitute() show names and not whole data.
call_handler <- function(handler, name, args) {
  env <- new.env(parent = globalenv())
  env[[name]] <- handler
  # An event that is no object can go to `...`, without a name.
  symbols <- if (is.null(names(args))) rep("event", length(args)) else names(args)
  symbols[!nzchar(symbols)] <- "event" # with a context, which has one
  if (settings$lambdr_arguments) { # these can be of any name, and without
    symbols[!is_argument_name(symbols)] <- "event"
    symbols <- make.unique(symbols)
  }
  for (i in seq_along(args)) {
    assign(symbols[[i]], args[[i]], envir = env) # env[[symbol]] <- NULL would assign nothing
  }
  values <- lapply(symbols, as.name)
  names(values) <- names(args)
  if (name %in% symbols) {
    # An argument has the handler's own name.
    return(call_user(as.call(c(list(handler), values)), env))
  }
  call_user(as.call(c(list(as.name(name)), values)), env)
}
