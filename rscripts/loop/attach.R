# The functions that users call, on the search path of their code.

# attach_user_api() attaches the functions behind the user's objects and packages.
attach_user_api <- function() {
  register_methods()
  functions <- user_functions()
  attached <- "package:lambdaruntime" %in% search()
  attach(functions, name = "lambda", pos = length(search()), warn.conflicts = !attached)
  if (isNamespaceLoaded("lambdaruntime")) {
    take_over(asNamespace("lambdaruntime"), functions)
  }
}

# user_functions() returns the functions that users call, by name.
user_functions <- function() {
  list(
    as_response = as_response,
    as_result = as_result,
    backoff = backoff,
    batch_handler = batch_handler,
    callback_result = callback_result,
    durable = durable,
    durable_callback = durable_callback,
    durable_child = durable_child,
    durable_invoke = durable_invoke,
    durable_map = durable_map,
    durable_now = durable_now,
    durable_parallel = durable_parallel,
    durable_results = durable_results,
    durable_step = durable_step,
    durable_until = durable_until,
    durable_wait = durable_wait,
    durable_wait_for_callback = durable_wait_for_callback,
    event_records = event_records,
    file_response = file_response,
    html_response = html_response,
    is_replaying = is_replaying,
    lambda_config = lambda_config,
    lambda_log = lambda_log,
    log_metric = log_metric,
    on_fork = on_fork,
    on_restore = on_restore,
    on_shutdown = on_shutdown,
    on_snapshot = on_snapshot,
    pdf_response = pdf_response,
    png_response = png_response,
    remaining_ms = remaining_ms,
    stop_html = stop_html,
    stream_response = stream_response,
    svg_response = svg_response
  )
}

# R looks for registered methods in this table, in the environment of the generic, and takes that
# environment for the generic's if it has a `.packageName`, as those of packages have.
.packageName <- "lambda"
.__S3MethodsTable__. <- new.env(parent = emptyenv())

# register_methods() registers the runtime's own methods. A method of user code finds them by
# NextMethod(), and by calling the generic.
register_methods <- function() {
  runtime <- environment(register_methods)
  list2env(mget(ls(runtime, pattern = "^as_(response|result)[.]"), runtime), .__S3MethodsTable__.)
}

# take_over() replaces the functions of the package lambdaruntime, and the copies that other packages
# have imported. Something at R's start, such as .Rprofile, has loaded an installed one. (One that is
# loaded later does this itself, see on-load.R.)
take_over <- function(package, functions) {
  installed <- mget(intersect(names(functions), getNamespaceExports(package)), package)
  imports <- lapply(loadedNamespaces(), function(name) parent.env(asNamespace(name)))
  attached <- lapply(search()[-1L], as.environment)
  for (env in c(list(package), imports, attached)) {
    for (name in names(installed)) {
      if (identical(get0(name, env, inherits = FALSE), installed[[name]])) {
        replace_binding(env, name, functions[[name]])
      }
    }
  }
  methods <- as.list(package$.__S3MethodsTable__.)
  methods <- methods[setdiff(names(methods), ls(.__S3MethodsTable__.))]
  list2env(methods, .__S3MethodsTable__.)
  invisible()
}

# replace_binding() assigns a value, also if the binding is locked.
replace_binding <- function(env, name, value) {
  locked <- bindingIsLocked(name, env)
  if (locked) {
    unlockBinding(name, env)
  }
  assign(name, value, envir = env)
  if (locked) {
    lockBinding(name, env)
  }
}
