# Durable executions: a handler whose finished operations are stored, and which is invoked again
# from its top until it returns. Each operation looks up what is stored of it before it does
# anything.
#
# current$durable is the execution of the invocation that runs, an environment; NULL if it has none:
#   send     function(operation, payload): stores something of an operation, see send_operation()
#   known    the ids of the operations that were stored before this invocation, as names
#   arn      the ARN of the execution
#   started  when the execution began, in ms since 1970
#   context  the innermost context, see new_context_of()
#   step     the step whose code runs, list(id, name, attempt), or NULL
#   stopped  TRUE once the whole handler is suspended
#   seed     the state of R's random generator outside of the execution, see seeds in random.R
#   log_replays  see durable()
#   warned   the variables of which warn_of_code() has warned
#   pid      the process that may call operations

# durable() makes a durable handler: report <- durable(function(month) ...).
#
# f: the function. It is called again and again in the course of an execution. Code that is slow, or
#   that reads or changes anything outside of R, must be in a step.
# log_replays: TRUE logs also what the handler logs while it is replayed.
#
# Returns a function: the handler. Stops if `f` is not a function of R code.
durable <- function(f, log_replays = FALSE) {
  if (typeof(f) != "closure" || inherits(f, "batch_handler")) {
    given <- if (is.function(f)) "a built-in function" else class(f)[[1L]]
    if (inherits(f, "batch_handler")) {
      given <- "what batch_handler() returned"
    }
    stop("durable(): f must be a function such as function(event) ..., not ", given, call. = FALSE)
  }
  if (!isTRUE(log_replays) && !isFALSE(log_replays)) {
    stop("durable(): log_replays must be TRUE or FALSE", call. = FALSE)
  }
  structure(f, class = c("durable_handler", "function"), log_replays = log_replays)
}

# durable_now() returns when the execution began, a POSIXct: the same in each replay. Time that has
# passed is read in a step: durable_step("now", Sys.time()).
durable_now <- function() {
  durable <- the_execution("durable_now()")
  as.POSIXct(durable$started / 1000, origin = "1970-01-01", tz = "UTC")
}

# is_replaying() returns whether the handler repeats what it did in an earlier invocation. It is
# FALSE in a step, and outside of a durable execution.
is_replaying <- function() {
  durable <- current$durable
  !is.null(durable) && replays(durable)
}

# check_durable() stops if the handler and the function's settings do not fit: `frame` has an
# execution only if the function has a DurableConfig.
check_durable <- function(handler, frame) {
  if (handler$kind == "durable" && is.null(frame$durable)) {
    fail(
      "Runtime.NotDurable", "the handler ", handler$name, " is durable, but this function has no ",
      "DurableConfig: create the function again with DurableConfig, and invoke it with a version, ",
      "an alias or $LATEST"
    )
  }
  if (handler$kind != "durable" && !is.null(frame$durable)) {
    fail(
      "Runtime.NotDurable", "the function has a DurableConfig, but its handler ", handler$name,
      " is not durable: write ", handler$name, " <- durable(function(...) ...), or create the ",
      "function again without DurableConfig"
    )
  }
}

# new_execution() returns an execution, see above. `frame` is what the invoke frame has of it.
new_execution <- function(frame, send, log_replays = FALSE) {
  known <- as.character(unlist(frame$known))
  names(known) <- known
  execution <- list2env(
    list(
      send = send, arn = frame$arn, started = frame$started_ms, step = NULL, stopped = FALSE,
      known = list2env(as.list(known), envir = new.env(parent = emptyenv())),
      seed = NULL, log_replays = log_replays, warned = character(), pid = Sys.getpid()
    ),
    envir = new.env(parent = emptyenv())
  )
  execution$context <- new_context_of(NULL, "", NULL, new.env(parent = emptyenv()))
  execution
}

# run_durable() calls the handler in an execution, and returns its value. If the handler was
# suspended, whatever it returns, execution$stopped is TRUE.
run_durable <- function(execution, call) {
  current$durable <- execution
  scope <- execution$context$scope
  on.exit(current$durable <- NULL)
  value <- in_scope(scope, with_seed_of(execution, execution$context, call()))
  if (inherits(value, "durable_batch") && !execution$stopped) {
    stop_durable(
      "the handler returns a batch, which has no JSON: return durable_results(batch)"
    )
  }
  value
}

# A context is where operations are counted: the handler's own, one of durable_child(), and one for
# each branch of durable_map() and durable_parallel(). new_context_of() returns an environment:
#   path    the id of the context's operation, "" for the handler
#   parent  the id that its operations have as their parent, NULL for the handler
#   count   how many operations it has had
#   rerun   whether it has ended before and runs only for its value
#   scope   what is suspended together, see in_scope()
#   outer   the context around it
new_context_of <- function(outer, path, parent, scope, rerun = FALSE) {
  list2env(
    list(
      outer = outer, path = path, parent = parent, scope = scope, count = 0L,
      rerun = rerun || isTRUE(outer$rerun)
    ),
    envir = new.env(parent = emptyenv())
  )
}

# in_context() evaluates `expr` with `context` as the innermost one.
in_context <- function(execution, context, expr) {
  outer <- execution$context
  on.exit(execution$context <- outer)
  execution$context <- context
  with_seed_of(execution, context, expr)
}

# next_id() returns the id of the next operation of a context: its place, as in "2-1".
next_id <- function(context) child_id(context$path, context$count + 1L)

child_id <- function(path, i) paste0(path, if (nzchar(path)) "-", i)

# replays() returns whether the next operation of the innermost context is stored, so that what runs
# before it has run already.
replays <- function(execution) {
  context <- execution$context
  is.null(execution$step) && !execution$stopped &&
    (context$rerun || exists(next_id(context), envir = execution$known, inherits = FALSE))
}

# in_scope() evaluates `expr`, which suspend() can leave. User code cannot prevent that, because no
# condition is signalled: tryCatch() and try() catch nothing, and on.exit() and finally run. After a
# suspension scope$suspended is TRUE, even if an on.exit() with a return() has kept the code alive.
in_scope <- function(scope, expr) {
  scope$suspended <- FALSE
  withRestarts(
    {
      scope$exit <- computeRestarts()[[1L]]
      expr
    },
    durable_suspend = function() NULL
  )
}

# suspend() ends the innermost scope until something has happened that it waits for.
suspend <- function(execution) {
  scope <- execution$context$scope
  scope$suspended <- TRUE
  if (identical(scope, outermost(execution)$scope)) {
    execution$stopped <- TRUE
  }
  invokeRestart(scope$exit)
}

# end_if_suspended() ends code that has gone on after suspend(), as an on.exit() with a return()
# makes it.
end_if_suspended <- function(execution) {
  if (execution$stopped) {
    stop_execution(execution)
  }
  if (isTRUE(execution$context$scope$suspended)) {
    suspend(execution)
  }
}

# stop_execution() ends the handler: bootstrap says that nothing more can be stored.
stop_execution <- function(execution) {
  execution$stopped <- TRUE
  scope <- outermost(execution)$scope
  scope$suspended <- TRUE
  invokeRestart(scope$exit)
}

outermost <- function(execution) {
  context <- execution$context
  while (!is.null(context$outer)) {
    context <- context$outer
  }
  context
}
