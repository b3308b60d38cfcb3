# Settings that user code makes while the handler is loaded:
#   simplify, integers, keep_names, deserialiser, serialiser, decode_base64, keep_seed
#                                                       see lambda_config(); NULL if not set
#   hints                                               whether bootstrap wants hints in the log
#   dumps                                               where frames of errors are dumped; NULL if not
#   shutdown_hooks                                      see on_shutdown(); the last one first
#   snapshot_hooks, restore_hooks                       see on_snapshot(), on_restore(); the first
#     one first
#   prime, prime_on_error                               see read_prime_setting(), lambda_config()
#   fork_hooks                                          see on_fork(); the first one first
#   lambdr_compat, lambdr_arguments                     see read_compat_setting()
#   lambdr_deserialiser, lambdr_serialiser              see lambdr_config(). They read the
#     whole event and write the whole answer, the runtime's own only the body of a request
settings <- new.env(parent = emptyenv())
settings$lambdr_compat <- FALSE
settings$lambdr_arguments <- FALSE
settings$prime_on_error <- "stop"

# set_flag() sets a setting of lambda_config() that is TRUE or FALSE, unless `value` is NULL.
set_flag <- function(name, value) {
  if (!is.null(value)) {
    if (!isTRUE(value) && !isFALSE(value)) {
      stop("lambda_config(): ", name, " must be TRUE or FALSE", call. = FALSE)
    }
    settings[[name]] <- value
  }
}

# set_choice() sets a setting of lambda_config() that is one of `choices`, unless `value` is NULL.
set_choice <- function(name, value, choices) {
  if (!is.null(value)) {
    if (!is_string(value) || !value %in% choices) {
      stop("lambda_config(): ", name, " must be ", paste0("\"", choices, "\"", collapse = " or "), call. = FALSE)
    }
    settings[[name]] <- value
  }
}

# set_function() sets a setting of lambda_config() that is a function, unless `value` is NULL.
set_function <- function(name, value) {
  if (!is.null(value)) {
    if (!is.function(value)) {
      stop("lambda_config(): ", name, " must be a function of one argument", call. = FALSE)
    }
    settings[[name]] <- value
  }
}

# check_simplify_setting() stops on a LAMBDA_R_SIMPLIFY that is neither true nor false.
check_simplify_setting <- function() {
  setting <- Sys.getenv("LAMBDA_R_SIMPLIFY")
  if (!tolower(setting) %in% c("", "true", "false")) {
    fail("Runtime.InvalidConfiguration", "LAMBDA_R_SIMPLIFY=", quoted(setting), ": not true or false")
  }
}

# simplify_events() returns whether arrays in events become vectors and data frames.
simplify_events <- function() {
  if (is.null(settings$simplify)) {
    !identical(tolower(Sys.getenv("LAMBDA_R_SIMPLIFY")), "false")
  } else {
    settings$simplify
  }
}
