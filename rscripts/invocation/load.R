# Loading: from a handler's name, `file.function`, to the R function.

# parse_handler() splits a handler's name. The file part ends at the first dot after the last
# slash: src/api.get.user is get.user in src/api.R. It returns a list of `files`, the candidates
# in order, and `name`; for a function of a package, of `package` and `name`.
parse_handler <- function(handler) {
  if (grepl("^[A-Za-z][A-Za-z0-9.]*::[^:]+$", handler)) {
    parts <- strsplit(handler, "::", fixed = TRUE)[[1L]]
    return(list(package = parts[[1L]], name = parts[[2L]]))
  }
  slash <- max(0L, gregexpr("/", handler, fixed = TRUE)[[1L]])
  dir <- substr(handler, 1L, slash)
  rest <- substring(handler, slash + 1L)
  dot <- regexpr(".", rest, fixed = TRUE)[[1L]]
  file <- if (dot > 0L) substr(rest, 1L, dot - 1L) else NA
  name <- if (dot > 0L) substring(rest, dot + 1L) else rest
  if (!nzchar(name) || identical(file, "")) {
    fail(
      "Runtime.MalformedHandlerName",
      "the handler is \"", handler, "\", which is not of the form file.function, for example ",
      "functions.parity for the function parity in functions.R"
    )
  }
  files <- if (is.na(file)) c("handler.R", "runtime.R") else paste0(file, c(".R", ".r"))
  list(files = paste0(dir, files), name = name)
}

# load_handler() loads the handler of this name, see new_handler(): a function of a file, a
# function of a package, or, if the name is a file itself, a plumber API.
load_handler <- function(handler_name) {
  parsed <- parse_handler(handler_name)
  if (is_file_handler(handler_name)) {
    return(new_handler(load_plumber_handler(handler_name), parsed$name, "plumber"))
  }
  fn <- if (!is.null(parsed$package)) {
    load_package_function(parsed$package, parsed$name)
  } else {
    load_file_function(handler_name, parsed)
  }
  new_handler(fn, parsed$name)
}

is_file <- function(path) file.exists(path) && !dir.exists(path)

# load_file_function() sources the handler's file and returns the function. A script that ends
# with lambdr::start_lambda() chooses the function itself.
load_file_function <- function(handler_name, parsed) {
  file <- Find(is_file, parsed$files)
  if (is.null(file)) {
    fail("Runtime.HandlerNotFound", missing_file_message(handler_name, parsed))
  }
  lambdr_config <- until_start_lambda(source_user(file))
  fn <- if (is.null(lambdr_config)) {
    get0(parsed$name, envir = globalenv(), mode = "function", inherits = FALSE)
  } else {
    lambdr_handler(lambdr_config, parsed$name)
  }
  if (is.null(fn)) {
    fail("Runtime.NoSuchHandler", missing_function_message(handler_name, file, parsed$name))
  }
  fn
}

# missing_function_message() returns the error text for a file that does not define the handler.
missing_function_message <- function(handler_name, file, name) {
  defined <- Filter(
    function(name) is.function(get0(name, globalenv(), inherits = FALSE)),
    ls(globalenv())
  )
  paste0(
    "the handler is \"", handler_name, "\", but ", file, " defines no function ", name, "; ",
    if (length(defined)) {
      paste0("it defines: ", paste(defined, collapse = ", "))
    } else {
      "it defines no function at all"
    }
  )
}

# missing_file_message() returns the error text for a handler without a file.
missing_file_message <- function(handler_name, parsed) {
  message <- paste0(
    "the handler is \"", handler_name, "\", but there is no file ",
    paste(parsed$files, collapse = " nor "), " in ", getwd()
  )
  named <- paste0(handler_name, ".R")
  if (!grepl(".", basename(handler_name), fixed = TRUE)) {
    message <- paste0(
      message, ": a name without a dot is looked up in these; give file.function, for example ",
      if (file.exists(named)) handler_name else "functions", ".parity"
    )
  }
  message
}

# load_package_function() loads the handler's package and returns the function, an export.
load_package_function <- function(package, name) {
  tryCatch(
    timed(loadNamespace(package), package),
    error = function(e) {
      fail("Runtime.ImportModuleError", "the package ", package, " of the handler cannot be loaded: ", condition_text(e))
    }
  )
  exports <- getNamespaceExports(package)
  found <- if (name %in% exports) getExportedValue(package, name)
  if (!is.function(found)) {
    fail("Runtime.NoSuchHandler", "the package ", package, " exports no function ", name, ", the handler")
  }
  found
}

# source_user() evaluates a file of user code in the global environment, so that its definitions
# persist between invocations. It returns the file's last value, invisibly. No handler may be
# established meanwhile, see conditions.R.
source_user <- function(file) {
  expressions <- parse_user(file)
  provide_packages(attr(expressions, "srcfile")$lines)
  lines <- attr(expressions, "srcref")
  value <- NULL
  for (i in seq_along(expressions)) {
    where <- if (is.null(lines)) file else paste0(file, ":", lines[[i]][[1L]])
    current$loading$where <- where
    value <- timed(
      on_stopped(call_user(expressions[[i]], globalenv()), function(cond, at, outer) {
        stack <- without_fail(stack_of(cond, at))
        run_error_option(cond)
        outer(
          new_fail(
            init_error_type(cond), where, ": ", failure_text(cond),
            stack = stack, parents = condition_parents(cond, stack)
          ),
          at
        )
      }),
      if (is.null(lines)) deparse(expressions[[i]]) else as.character(lines[[i]])
    )
  }
  invisible(value)
}

# parse_user() parses a file of user code with source references, which stack traces need.
parse_user <- function(file) {
  tryCatch(
    parse(file, keep.source = TRUE, encoding = "UTF-8"),
    error = function(e) {
      text <- condition_text(e)
      fail("Runtime.UserCodeSyntaxError", if (!grepl(file, text, fixed = TRUE)) paste0(file, ": "), text)
    }
  )
}

# init_error_type() returns the type of an error in the user's file: Runtime.ImportModuleError if
# a package cannot be loaded, else Runtime.InitError.
init_error_type <- function(e) {
  loaders <- c("library", "loadNamespace", "requireNamespace", "attachNamespace", "getNamespace")
  call <- conditionCall(e)
  if (inherits(e, "packageNotFoundError") ||
    is.call(call) && called_name(call) %in% loaders) {
    "Runtime.ImportModuleError"
  } else {
    "Runtime.InitError"
  }
}
