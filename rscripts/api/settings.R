# Settings that user code makes.

settings <- new.env(parent = emptyenv())
settings$lambdr_compat <- FALSE # this and the next: see read_compat_setting()
settings$lambdr_arguments <- FALSE

set_flag <- function(name, value) {
  if (!is.null(value)) {
    if (!isTRUE(value) && !isFALSE(value)) {
      stop("lambda_config(): ", name, " is TRUE or FALSE", call. = FALSE)
    }
    settings[[name]] <- value
  }
}

set_function <- function(name, value) {
  if (!is.null(value)) {
    if (!is.function(value)) {
      stop("lambda_config(): ", name, " is a function of one argument", call. = FALSE)
    }
    settings[[name]] <- value
  }
}

# simplify_events() is FALSE when events are wanted as plain lists.
simplify_events <- function() {
  if (is.null(settings$simplify)) !identical(tolower(Sys.getenv("LAMBDA_R_SIMPLIFY")), "false") else settings$simplify
}
