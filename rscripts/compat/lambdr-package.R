# A stand-in for the package lambdr. Scripts that were written for it run unchanged, up to the
# lambdr::start_lambda() that they end with.

# lambdr_version is the version of lambdr with this interface.
lambdr_version <- "1.2.7"

# lambdr_start() is start_lambda(). It ends the script, as lambdr does, which never runs the code
# behind it. It uses a restart, because a tryCatch() of the script would catch a condition.
lambdr_start <- function(config = lambdr_config(environ = parent.frame()), timeout_seconds = NULL) {
  if (!inherits(config, "lambda_config")) {
    stop("start_lambda(): config must be a value of lambdr::lambda_config()")
  }
  for (restart in computeRestarts()) {
    if (identical(restart$name, "start_lambda")) {
      invokeRestart(restart, config)
    }
  }
  stop("start_lambda() works only in the handler's file, while it is loaded")
}

# until_start_lambda() evaluates `expr` and returns the configuration of the start_lambda() that
# ended it, or NULL.
until_start_lambda <- function(expr) {
  withRestarts(
    {
      expr
      NULL
    },
    start_lambda = identity
  )
}

# lambdr_config() is lambda_config(). bootstrap decides on runtime_api and task_root. The functions
# differ from those of the runtime's lambda_config(): they read the whole event and write the
# whole answer, see lambdr_arguments() and lambdr_result().
lambdr_config <- function(handler = NULL, runtime_api = NULL, task_root = NULL, deserialiser = NULL,
                          serialiser = NULL, decode_base64 = TRUE, environ = parent.frame()) {
  functions <- list(handler = handler, deserialiser = deserialiser, serialiser = serialiser)
  for (name in names(functions)) {
    if (!is.null(functions[[name]]) && !is.function(functions[[name]])) {
      stop("lambda_config(): ", name, " must be a function", call. = FALSE)
    }
  }
  structure(
    c(functions, list(decode_base64 = as.logical(decode_base64), environ = environ)),
    class = "lambda_config"
  )
}

# lambdr_handler() applies a configuration and returns the handler: the configuration's function,
# else the function of this name where start_lambda() was called, or NULL.
lambdr_handler <- function(config, name) {
  settings$lambdr_deserialiser <- config$deserialiser
  settings$lambdr_arguments <- settings$lambdr_compat || !is.null(config$deserialiser)
  settings$lambdr_serialiser <- config$serialiser
  if (isFALSE(config$decode_base64)) {
    settings$decode_base64 <- FALSE
  }
  if (!is.null(config$handler)) {
    return(config$handler)
  }
  get0(name, envir = config$environ, mode = "function")
}

# lambdr_result() returns the answer that lambda_config(serialiser = ) makes of a result. On HTTP
# sources, too, that is the whole answer.
lambdr_result <- function(value) {
  text <- as.character(call_user(as.call(list(settings$lambdr_serialiser, value)), globalenv()))
  if (!is_string(text)) {
    fail("Runtime.MarshalError", "the serialiser of lambda_config() must return one string, not ", class(text)[[1L]])
  }
  checked_text(text, "the text of lambda_config()'s serialiser")
}

# is_serialised() returns whether a result is the whole answer, as that of lambdr::html_response()
# is.
is_serialised <- function(value) {
  isTRUE(attr(value, "already_serialised", exact = TRUE)) && is_string(value)
}

# lambdr_html_response() is html_response(): JSON for API Gateway, marked as the whole answer. A
# body that is not a string becomes JSON in it.
lambdr_html_response <- function(body, is_base64 = FALSE, status_code = 200L, content_type = NULL, headers = list()) {
  headers <- as.list(headers)
  if (!is.null(content_type) && !"content-type" %in% tolower(names(headers))) {
    headers[["Content-Type"]] <- content_type
  }
  response <- list(body = body, isBase64Encoded = is_base64, statusCode = status_code)
  if (length(headers)) {
    request <- current$invocation$event$request
    if (is.null(request)) {
      request <- list(source = "http")
    }
    response <- c(response, source_headers(header_fields(headers, NULL), request))
  }
  structure(encode_or_fail(response), already_serialised = TRUE)
}

# lambdr_stringified_json() is as_stringified_json(). `...` are arguments of toJSON(); without
# any, the JSON is that of results.
lambdr_stringified_json <- function(x, ...) {
  if (is.null(x)) {
    NULL
  } else if (...length() == 0L) {
    encode_or_fail(x)
  } else {
    as.character(jsonlite::toJSON(x, auto_unbox = TRUE, null = "null", ...))
  }
}

# lambdr_from_base64() is from_base64(), which returns text.
lambdr_from_base64 <- function(x) {
  if (is.null(x)) {
    return(NULL)
  }
  text <- rawToChar(jsonlite::base64_dec(x))
  Encoding(text) <- "UTF-8"
  text
}
