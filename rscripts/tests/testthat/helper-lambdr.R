# Scripts that were written for lambdr, and events for them.

# local_lambdr() undoes, at the end of the test, what a script and start_lambda() leave:
# the runtime's settings, and the namespace.
local_lambdr <- function(env = parent.frame()) {
  paths <- .libPaths()
  old_settings <- as.list(runtime$settings)
  withr::defer(
    {
      rm(list = ls(runtime$settings), envir = runtime$settings)
      list2env(old_settings, runtime$settings)
      if ("package:lambdr" %in% search()) {
        detach("package:lambdr")
      }
      if (isNamespaceLoaded("lambdr")) {
        .Internal(unregisterNamespace("lambdr"))
      }
      unlink(file.path(tempdir(), "lambda-r-library"), recursive = TRUE)
      .libPaths(paths)
    },
    envir = env
  )
  in_user_dir(env)
}

# loaded() writes a script, loads a handler of it, and returns a function that gives it
# an event's text and returns the answer's.
loaded <- function(lines, handler = "f", env = parent.frame()) {
  local_lambdr(env)
  writeLines(lines, "runtime.R")
  found <- suppressPackageStartupMessages(runtime$load_handler(handler))
  runtime$check_arguments(found)
  function(event) {
    invocation <- list2env(list(frame = list(id = "id-1", invoked_function_arn = "arn:1")))
    runtime$current$invocation <- invocation
    on.exit(runtime$current$invocation <- NULL)
    runtime$evaluate(invocation, found, charToRaw(enc2utf8(event)))
  }
}

# compat() sets LAMBDA_R_COMPAT until the end of the test.
compat <- function(setting = "lambdr", env = parent.frame()) {
  withr::local_envvar(LAMBDA_R_COMPAT = setting, .local_envir = env)
  runtime$read_compat_setting()
  withr::defer(runtime$settings$lambdr_compat <- runtime$settings$lambdr_arguments <- FALSE, envir = env)
}

# Events, with `...` put in or instead of what they have.
json <- function(...) as.character(jsonlite::toJSON(list(...), auto_unbox = TRUE, null = "null"))

rest <- function(...) {
  event <- list(
    httpMethod = "POST", path = "/f", headers = list("content-type" = "application/json"),
    requestContext = list(stage = "test"), body = NULL, isBase64Encoded = FALSE
  )
  given <- list(...)
  event[names(given)] <- given
  do.call(json, event)
}

http <- function(...) {
  event <- list(
    version = "2.0", routeKey = "ANY /f", rawPath = "/f", rawQueryString = "", headers = list(accept = "*/*"),
    requestContext = list(http = list(method = "POST"), domainName = "x.execute-api.example"), isBase64Encoded = FALSE
  )
  given <- list(...)
  event[names(given)] <- given
  do.call(json, event)
}

sns <- function(message) {
  json(Records = list(list(EventSource = "aws:sns", EventVersion = "1.0", Sns = list(MessageId = "1", Message = message))))
}

eventbridge <- function(detail) {
  json(version = "0", "detail-type" = "Scheduled Event", source = "aws.events", detail = detail)
}

body_of <- function(answer) jsonlite::parse_json(answer)$body
