# Settings that the user's file makes.

settings <- new.env(parent = emptyenv())
settings$lambdr_compat <- FALSE # this and the next: see read_compat_setting()
settings$lambdr_arguments <- FALSE

# lambda_config() says how events and results are read and written; it is called when the
# handler's file is loaded. What is not given stays as it is.
#
# simplify: FALSE leaves arrays lists, instead of making vectors and data frames of them.
# deserialiser: function(text), what makes the R value of an event's JSON text, on HTTP
#   sources of the body's; identity gives the text itself.
# serialiser: function(value), what makes the JSON text of a result, on HTTP sources of
#   the body; identity sends a result that is text as it is.
# decode_base64: FALSE leaves a request's body in base64, if it came so.
lambda_config <- function(simplify = NULL, deserialiser = NULL, serialiser = NULL, decode_base64 = NULL) {
  set_flag("simplify", simplify)
  set_flag("decode_base64", decode_base64)
  set_function("deserialiser", deserialiser)
  set_function("serialiser", serialiser)
  invisible()
}

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
