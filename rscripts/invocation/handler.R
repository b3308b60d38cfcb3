# The handler, the R function that answers invocations, and how it is called.

# new_handler() returns a list:
#   fn         the function
#   name       the name that it is called by, which stack traces show
#   kind       "function", "batch" (made by batch_handler()), "durable" (made by durable()) or
#              "plumber" (a router, which is called with the decoded event and returns the JSON of the
#              response)
#   arguments  what fn takes, see handler_arguments()
new_handler <- function(fn, name, kind = kind_of(fn)) {
  list(fn = fn, name = name, kind = kind, arguments = handler_arguments(fn))
}

kind_of <- function(fn) {
  if (inherits(fn, "batch_handler")) "batch" else if (inherits(fn, "durable_handler")) "durable" else "function"
}

# handler_arguments() describes what a function takes: the names of its arguments, those that
# callers may give, those before `...`, those that must be given, and whether `...`, `event` and
# `context` are among them.
handler_arguments <- function(fn) {
  formals <- formals(args(fn))
  names <- as.character(names(formals))
  list(
    names = setdiff(names, "..."),
    given = setdiff(names, c("...", "context")),
    before_dots = names[!cumsum(names == "...")],
    required = setdiff_strings(required_arguments(fn), c("event", "context")),
    dots = "..." %in% names,
    event = "event" %in% names,
    context = "context" %in% names
  )
}

# required_arguments() returns the names of the arguments without which `fn` cannot be called.
required_arguments <- function(fn) {
  formals <- formals(args(fn))
  needed <- vapply(formals, function(f) is.name(f) && !nzchar(f), logical(1))
  setdiff(as.character(names(formals))[needed], "...")
}

# check_arguments() stops if the handler takes the whole event and yet requires another
# argument: every invocation would fail.
check_arguments <- function(handler) {
  arguments <- handler$arguments
  if (arguments$event && length(arguments$required) && !settings$lambdr_arguments) {
    it <- plural_it(arguments$required)
    fail(
      "Runtime.InvalidArguments",
      handler$name, " has an argument event, which gets the whole event, so nothing is left for ",
      quoted(arguments$required), ": give ", it, " a default, or take ", it, " from event"
    )
  }
}

# call_handler() calls the handler as a user would write the call, with names for its
# arguments, so that stack traces, match.call() and substitute() do not show whole data.
call_handler <- function(handler, args) {
  labels <- names(args)
  # An argument for `...` can be without a name.
  symbols <- if (is.null(labels)) rep("event", length(args)) else labels
  symbols[!nzchar(symbols)] <- "event"
  if (settings$lambdr_arguments) { # these can have any name, and be several without one
    symbols[!is_argument_name(symbols)] <- "event"
    symbols <- make.unique(symbols)
  }
  env <- new.env(parent = globalenv())
  env[[handler$name]] <- handler$fn
  names(args) <- symbols
  list2env(args, env)
  values <- lapply(symbols, as.name)
  names(values) <- labels
  called <- if (any(handler$name == symbols)) handler$fn else as.name(handler$name)
  call_user(as.call(c(called, values)), env)
}
