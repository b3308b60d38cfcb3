# The user's R session, which a handler must leave as it was: in Lambda it has an R of its own.

# in_session() evaluates `expr` and restores afterwards what a worker would have to itself: the
# working directory, options, sinks, graphics devices, the settings of the handler's file and the
# runtime's state. Meanwhile the package is attached. With `dir`, the global environment begins
# empty, and the working directory is `dir`.
in_session <- function(expr, dir = NULL) {
  state <- session_state(dir)
  on.exit(suspendInterrupts(restore_session(state)))
  if (!state$attached) {
    attachNamespace("lambdaruntime", pos = length(search()))
  }
  # A plot without a device is drawn nowhere, as in a worker. R would write Rplots.pdf.
  options(device = null_device)
  if (!is.null(dir)) {
    setwd(dir)
    hide_globals(state$globals)
    use_settings(first_settings)
  }
  expr
}

session_state <- function(dir) {
  list(
    attached = "package:lambdaruntime" %in% search(),
    wd = getwd(),
    options = options(),
    sinks = sink.number(),
    message_sink = sink.number(type = "message"),
    devices = grDevices::dev.list(),
    device = grDevices::dev.cur(),
    settings = as.list(settings),
    current = as.list(current),
    seed = seed_state(),
    globals = if (!is.null(dir)) visible_globals()
  )
}

restore_session <- function(state) {
  while (sink.number() > state$sinks) {
    sink()
  }
  if (sink.number(type = "message") != state$message_sink) {
    restore_message_sink(state$message_sink)
  }
  for (device in setdiff(grDevices::dev.list(), state$devices)) {
    grDevices::dev.off(device)
  }
  if (state$device %in% grDevices::dev.list()) {
    grDevices::dev.set(state$device)
  }
  if (!is.null(state$globals) && isTRUE(settings$keep_seed)) {
    set_seed_state(state$seed)
  }
  replace_objects(current, state$current)
  use_settings(state$settings)
  if (!is.null(state$globals)) {
    hide_globals(visible_globals())
    show_globals(state$globals)
  }
  options(state$options)
  if (dir.exists(state$wd)) {
    setwd(state$wd)
  }
  if (!state$attached && "package:lambdaruntime" %in% search()) {
    detach("package:lambdaruntime", character.only = TRUE)
  }
}

restore_message_sink <- function(number) {
  if (number == 2L) sink(type = "message") else sink(getConnection(number), type = "message")
}

# first_settings are the settings before a handler's file has changed them.
first_settings <- as.list(settings)

use_settings <- function(values) replace_objects(settings, values)

# replace_objects() makes `values` the content of an environment.
replace_objects <- function(env, values) {
  rm(list = ls(env, all.names = TRUE), envir = env)
  list2env(values, env)
}

# visible_globals() returns the objects of the global environment, and which of their bindings are
# locked. It leaves out the random seed, whose stream a test chooses, and active bindings.
visible_globals <- function() {
  names <- setdiff(ls(globalenv(), all.names = TRUE), ".Random.seed")
  names <- names[!vapply(names, function(name) bindingIsActive(as.name(name), globalenv()), logical(1))]
  locked <- vapply(names, function(name) bindingIsLocked(as.name(name), globalenv()), logical(1))
  list(objects = mget(names, globalenv()), locked = names[locked])
}

hide_globals <- function(globals) rm(list = names(globals$objects), envir = globalenv())

show_globals <- function(globals) {
  list2env(globals$objects, globalenv())
  for (name in globals$locked) {
    lockBinding(as.name(name), globalenv())
  }
}

# with_env() evaluates `expr` with environment variables, strings by name, and restores those that
# were there.
with_env <- function(values, expr) {
  old <- Sys.getenv(names(values), unset = NA, names = TRUE)
  on.exit({
    Sys.unsetenv(names(old)[is.na(old)])
    if (!all(is.na(old))) {
      do.call(Sys.setenv, as.list(old[!is.na(old)]))
    }
  })
  if (length(values)) {
    do.call(Sys.setenv, as.list(values))
  }
  expr
}
