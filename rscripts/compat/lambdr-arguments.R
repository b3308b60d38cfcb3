# LAMBDA_R_COMPAT=lambdr: handlers get arguments as the lambdr package gives them. Errors stay the
# runtime's, because lambdr sends their texts to callers.

# read_compat_setting() reads the variable into two settings: `lambdr_compat`, and
# `lambdr_arguments`, whether lambdr_arguments() makes the arguments. It stops on any value but
# lambdr.
read_compat_setting <- function() {
  setting <- Sys.getenv("LAMBDA_R_COMPAT")
  if (!setting %in% c("", "lambdr")) {
    fail("Runtime.InvalidConfiguration", "LAMBDA_R_COMPAT=", quoted(setting), ": must be lambdr, or empty")
  }
  settings$lambdr_compat <- settings$lambdr_arguments <- nzchar(setting)
}

# lambdr_arguments() returns the arguments that lambdr makes of an event, or those that its
# lambda_config(deserialiser = ) makes of the event's text. R matches them as in do.call(): by the
# beginning of a name, and by position if there is no name.
lambdr_arguments <- function(event) {
  value <- if (!is.null(settings$lambdr_deserialiser)) {
    call_user(as.call(list(settings$lambdr_deserialiser, event_text(event$bytes))), globalenv())
  } else {
    sources[[event$source]]$lambdr(event)
  }
  if (is.list(value)) {
    as.list(value)
  } else if (!is.null(value)) {
    list(value)
  } else {
    list()
  }
}

# lambdr_request() returns the arguments of an HTTP request.
lambdr_request <- function(event) c(lambdr_body(event$request), lambdr_query(event))

# lambdr_event() returns the arguments of any other event.
lambdr_event <- function(event) event$value

# lambdr_body() parses the body as JSON, whatever its content type, unless it must stay base64.
lambdr_body <- function(request) {
  body <- request_body(request)
  if (identical(body, "")) {
    return(NULL)
  }
  if (is.raw(body)) {
    bad_request("the body is not text")
  }
  if (!is_string(body) || is_left_base64(request)) { # not text: a test event with JSON in its place
    return(body)
  }
  tryCatch(decode_body(body, request)$value, runtime_failure = function(e) {
    bad_request(sub("^the event", "the body", conditionMessage(e)))
  })
}

# lambdr_query() returns the query's parameters. Payload version 2.0 joins the values of a key with
# commas, at which lambdr splits. Elsewhere the last value counts.
lambdr_query <- function(event) {
  if (sources[[event$source]]$http$joins_query) {
    joined <- text_list(pluck(event$value, "queryStringParameters"))
    lapply(joined, function(value) unlist(strsplit(value, ",", fixed = TRUE)))
  } else {
    lapply(event$request$query, function(values) values[[length(values)]])
  }
}

# lambdr_message() returns the message of an SNS event, which has one record: decoded if it is
# JSON.
lambdr_message <- function(records) {
  message <- if (is.data.frame(records)) {
    pluck(records[["Sns"]], "Message")
  } else {
    unlist(lapply(records, function(record) pluck(record, "Sns", "Message")))
  }
  if (!is_string(message)) {
    fail("Runtime.InvalidArguments", "the SNS event does not have one record with one message")
  }
  tryCatch(decode_text(message)$value, runtime_failure = function(e) message)
}

# lambdr_context() returns lambdr's context, a list of strings.
lambdr_context <- function(frame) {
  list(
    aws_request_id = frame$id,
    invoked_function_arn = frame$invoked_function_arn,
    function_name = Sys.getenv("AWS_LAMBDA_FUNCTION_NAME"),
    function_version = Sys.getenv("AWS_LAMBDA_FUNCTION_VERSION"),
    memory_limit_in_mb = Sys.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
    log_group_name = Sys.getenv("AWS_LAMBDA_LOG_GROUP_NAME"),
    log_stream_name = Sys.getenv("AWS_LAMBDA_LOG_STREAM_NAME")
  )
}
