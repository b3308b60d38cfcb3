# The invocation of a handler at a desk, for the tests of a function.

# invoke_handler() calls a handler as Lambda does, and returns what the caller gets.
#
# handler: the handler's name, such as "functions.parity", "pkg::fun" or "plumber.R", or a function.
#   The file is loaded for this call, into an empty global environment. Afterwards the session is
#   as it was.
# event: a list or another R value, which is sent as JSON, JSON text, or the path of a file with
#   JSON.
# as: "value" returns an R value, "json" the text that Lambda gets. "execution" returns all that is
#   known of a durable execution, see execution_at_desk().
# dir: the folder of the handler's file, and the working directory meanwhile. By default that of
#   LAMBDA_TASK_ROOT, else the current one; in tests/testthat, the one that has the folder tests.
# timeout: the seconds that the invocation has. Nothing ends it after that.
# callbacks: for a durable handler, the answers to callbacks: a list by their names, or a
#   function(name, id). NULL stands for no answer, so the callback times out. If the function stops,
#   the callback fails.
# invokes: likewise the results of durable_invoke(): a list of functions of the payload by the names
#   of the invoked functions, or a function(function_name, payload).
# function_name, request_id, tenant_id, trace_id, client_context, identity: what `context` has.
#
# Returns the result. For an HTTP event, that is a list: statusCode, headers, cookies and body.
# Errors of the handler are R's, except those that an HTTP caller gets to see, such as those of
# stop_html(). Stops with an error of class runtime_failure if the runtime would report one of its
# own; that has its type as another class, such as Runtime.InvalidArguments.
invoke_handler <- function(handler, event = list(), as = c("value", "json", "execution"), dir = NULL, timeout = 3,
                           callbacks = NULL, invokes = NULL,
                           function_name = NULL, request_id = "00000000-0000-0000-0000-000000000000",
                           tenant_id = NULL, trace_id = NULL, client_context = NULL, identity = NULL) {
  as <- match.arg(as)
  name <- if (is.name(substitute(handler))) as.character(substitute(handler)) else "handler"
  check_invoked(handler, timeout)
  check_strings(list(request_id = request_id, tenant_id = tenant_id, trace_id = trace_id, function_name = function_name))
  text <- event_to_json(event, "invoke_handler")
  fields <- list(
    tenant_id = tenant_id, trace_id = trace_id,
    client_context = if (!is.null(client_context)) event_to_json(client_context, "invoke_handler", "client_context"),
    identity = if (!is.null(identity)) event_to_json(identity, "invoke_handler", "identity")
  )
  dir <- if (is.function(handler)) dir else task_folder(dir)
  answered <- with_env(context_variables(function_name, trace_id), in_session(
    {
      if (!is.null(dir)) {
        setwd(dir)
      }
      loaded <- with_types(if (is.function(handler)) new_handler(handler, name) else load_at_desk(handler))
      frame <- desk_frame(request_id, timeout, fields)
      if (loaded$kind == "durable") {
        execute_at_desk(loaded, text, frame, list(callbacks = callbacks, invokes = invokes))
      } else {
        answer_at_desk(loaded, text, frame)
      }
    },
    dir = if (!is.function(handler)) dir
  ))
  if (as == "execution") {
    return(execution_at_desk(answered))
  }
  if (!is.null(answered$cond)) {
    stop(answered$cond)
  }
  if (as == "json") answered$json else answered_value(answered)
}

check_invoked <- function(handler, timeout) {
  if (!is.function(handler) && !(is_string(handler) && nzchar(handler))) {
    stop("invoke_handler(): handler must be a name such as \"functions.parity\", or a function, not ", class(handler)[[1L]], call. = FALSE)
  }
  if (!is.numeric(timeout) || length(timeout) != 1L || !isTRUE(timeout > 0)) {
    stop("invoke_handler(): timeout must be a number of seconds", call. = FALSE)
  }
}

check_strings <- function(values) {
  for (name in names(values)) {
    if (!is.null(values[[name]]) && !(is_string(values[[name]]) && nzchar(values[[name]]))) {
      stop("invoke_handler(): ", name, " must be one string", call. = FALSE)
    }
  }
}

# context_variables() returns the environment variables that handlers find in Lambda. Those that are
# set stay, except for arguments that were given.
context_variables <- function(function_name, trace_id) {
  name <- c(function_name, env_or_null("AWS_LAMBDA_FUNCTION_NAME"), "function")[[1L]]
  values <- c(
    AWS_LAMBDA_FUNCTION_NAME = name,
    AWS_LAMBDA_FUNCTION_VERSION = "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE = "128",
    AWS_LAMBDA_LOG_GROUP_NAME = paste0("/aws/lambda/", name),
    AWS_LAMBDA_LOG_STREAM_NAME = "desk"
  )
  given <- names(values) == "AWS_LAMBDA_FUNCTION_NAME"
  c(values[given | !nzchar(Sys.getenv(names(values)))], "_X_AMZN_TRACE_ID" = trace_id)
}

# task_folder() returns the folder of the handler's file.
task_folder <- function(dir) {
  if (is.null(dir)) {
    in_tests <- basename(getwd()) == "testthat" && basename(dirname(getwd())) == "tests"
    dir <- c(env_or_null("LAMBDA_TASK_ROOT"), if (in_tests) "../..", ".")[[1L]]
  }
  if (!is_string(dir) || !dir.exists(dir)) {
    stop("invoke_handler(): there is no folder ", quoted(as.character(dir)), " in ", getwd(), call. = FALSE)
  }
  normalizePath(dir)
}

# load_at_desk() loads a handler as a worker does. A seed that its file sets is forgotten, as in a
# worker, in favour of the session's, so that set.seed() in a test works.
load_at_desk <- function(name) {
  check_event_setting()
  check_simplify_setting()
  read_compat_setting()
  seed <- seed_state()
  on.exit(if (!isTRUE(settings$keep_seed)) set_seed_state(seed))
  current$loading <- new_loading()
  handler <- load_handler(name)
  current$loading <- NULL
  check_arguments(handler)
  handler
}

# answer_at_desk() returns list(json, source, streamed): the text that Lambda gets, the event's
# source, and the body of a stream that is not an HTTP response; and suspended, whether a durable
# handler waits.
answer_at_desk <- function(handler, text, frame, send = NULL) {
  invocation <- new_invocation(frame, NULL)
  invocation$send <- send
  json <- with_types(evaluate_untrapped(invocation, handler, text))
  failure <- attr(json, "failure")
  if (!is.null(failure)) { # an error that a plumber router has answered
    log_at_desk("error", paste0(failure$type, ": ", failure$message))
  }
  list(
    json = if (inherits(json, "streamed")) json$body else as.character(json),
    source = invocation$event$source,
    streamed = inherits(json, "streamed"),
    suspended = is_suspended(invocation)
  )
}

# with_types() evaluates `expr`. A failure of the runtime has its type as its first class.
with_types <- function(expr) {
  tryCatch(expr, runtime_failure = function(e) {
    class(e) <- unique(c(e$type, class(e)))
    stop(e)
  })
}

# answered_value() returns the R value of an answer.
answered_value <- function(answered) {
  if (answered$streamed) {
    return(answered$json)
  }
  value <- tryCatch(parse_text(answered$json, !is_http(answered$source)), error = function(e) answered$json)
  if (is_http(answered$source) && is.list(value) && !is.null(value$statusCode)) http_value(value) else value
}

# http_value() returns a gateway's response in one form, whatever the source: list(statusCode,
# headers, cookies, body). A header that was sent more than once has several values. The body is
# text, or raw bytes if it was sent in base64.
http_value <- function(answer) {
  headers <- text_list(c(answer$multiValueHeaders, answer$headers))
  headers <- lapply(merge_headers(headers), unique)
  is_cookie <- tolower(names(headers)) == "set-cookie"
  body <- answer$body
  list(
    statusCode = as.integer(answer$statusCode),
    headers = headers[!is_cookie],
    cookies = as.character(c(unlist(answer$cookies), unlist(headers[is_cookie], use.names = FALSE))),
    body = if (isTRUE(answer$isBase64Encoded) && is_string(body)) base64_bytes(body, "the body") else body
  )
}
