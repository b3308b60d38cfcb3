# Packages that the runtime provides. A handler's file can load them, although they are not installed.

# provide_packages() registers the packages that a file of user code may load. `lines` is its text.
# lambdaruntime is provided to a file that sources others, too, because they may load it.
provide_packages <- function(lines) {
  if (settings$lambdr_compat || mentions(lines, "lambdr")) {
    provide_lambdr()
  }
  if (mentions(lines, "lambdaruntime") || mentions(lines, "source(")) {
    provide_lambdaruntime()
  }
}

mentions <- function(lines, text) any(grepl(text, lines, fixed = TRUE, useBytes = TRUE))

# provide_lambdaruntime() registers the package lambdaruntime with the runtime's own functions. If
# a version of it is installed, library() would replace another one by that. So the namespace gets
# the version and the folder of the installed package.
provide_lambdaruntime <- function() {
  if (isNamespaceLoaded("lambdaruntime")) {
    return(invisible())
  }
  functions <- c(user_functions(), list(invoke_handler = only_at_desk, sample_event = only_at_desk))
  path <- system.file(package = "lambdaruntime")
  version <- if (nzchar(path)) utils::packageDescription("lambdaruntime", dirname(path), "Version") else lambdaruntime_version
  if (!nzchar(path)) {
    path <- write_package("lambdaruntime", version, "Functions for AWS Lambda Handlers", names(functions))
  }
  register_namespace("lambdaruntime", version, path, functions)
}

# lambdaruntime_version is the version in package/DESCRIPTION.
lambdaruntime_version <- "0.1.0"

# only_at_desk() stands for the functions that test a handler.
only_at_desk <- function(...) {
  stop(
    "invoke_handler() and sample_event() test a handler outside of the runtime: ",
    "install the package with `bootstrap package` and R CMD INSTALL, and call them there",
    call. = FALSE
  )
}

# provide_lambdr() registers a package lambdr. If the real one is installed, it is left alone, and
# its start_lambda() will fail, because it has no Runtime API to poll.
provide_lambdr <- function() {
  if (isNamespaceLoaded("lambdr")) {
    return(invisible())
  }
  if (nzchar(system.file(package = "lambdr"))) {
    message("the package lambdr is installed, so the runtime's own is not used: remove it, because its start_lambda() cannot work here")
    return(invisible())
  }
  functions <- list(
    as_stringified_json = lambdr_stringified_json,
    from_base64 = lambdr_from_base64,
    html_response = lambdr_html_response,
    lambda_config = lambdr_config,
    start_lambda = lambdr_start,
    stop_html = stop_html
  )
  path <- write_package("lambdr", lambdr_version, "The Runtime's Place Holder of lambdr", names(functions))
  register_namespace("lambdr", lambdr_version, path, functions)
}

# write_package() writes those parts of an installed package that library(), packageVersion() and
# sessionInfo() read, into a library of its own behind all others. It returns the package's folder.
write_package <- function(name, version, title, exports) {
  library_path <- file.path(tempdir(), "lambda-r-library")
  path <- file.path(library_path, name)
  dir.create(file.path(path, "Meta"), recursive = TRUE)
  description <- c(Package = name, Version = version, Title = title, Built = paste0("R ", getRversion(), "; ; ; unix"))
  write.dcf(as.list(description), file.path(path, "DESCRIPTION"))
  writeLines(paste0("export(", exports, ")"), file.path(path, "NAMESPACE"))
  info <- list(
    DESCRIPTION = description,
    Built = list(R = getRversion(), Platform = "", Date = "", OStype = "unix")
  )
  saveRDS(info, file.path(path, "Meta", "package.rds"))
  if (!library_path %in% .libPaths()) {
    .libPaths(c(.libPaths(), library_path))
  }
  path
}

# register_namespace() makes functions a loaded namespace. R has no public function for that, so
# it writes what R itself keeps of a namespace.
register_namespace <- function(name, version, path, functions) {
  exports <- names(functions)
  names(exports) <- exports
  info <- new.env(parent = baseenv())
  info$spec <- c(name = name, version = version)
  info$exports <- list2env(as.list(exports), parent = baseenv())
  info$imports <- list(base = TRUE)
  info$path <- path
  info$dynlibs <- NULL
  info$S3methods <- matrix(NA_character_, 0L, 4L)
  info$lazydata <- new.env(parent = baseenv())
  namespace <- list2env(functions, parent = baseenv())
  namespace$.packageName <- name
  namespace$.__NAMESPACE__. <- info
  lockEnvironment(namespace, bindings = TRUE)
  .Internal(registerNamespace(name, namespace))
  invisible()
}
