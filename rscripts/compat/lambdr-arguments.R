# LAMBDA_R_COMPAT=lambdr: arguments and numbers as the lambdr package has them, where the
# runtime has its own way. Errors are the runtime's: lambdr tells callers their text.

# read_compat_setting() makes settings of the variable: lambdr_compat; and
# lambdr_arguments, that arguments are made by lambdr_arguments(). Each is TRUE or FALSE. It
# stops on a value that names nothing to be like.
read_compat_setting <- function() {
  setting <- Sys.getenv("LAMBDA_R_COMPAT")
  if (!setting %in% c("", "lambdr")) {
    fail("Runtime.InvalidConfiguration", "LAMBDA_R_COMPAT is ", quoted(setting), ": want lambdr")
  }
  settings$lambdr_compat <- settings$lambdr_arguments <- nzchar(setting)
}

# lambdr_arguments() returns the arguments that lambdr makes of an event, or its
# lambda_config(deserialiser = ) of the event's text. R matches them, as in do.call():
# by the beginning of a name, and by position where there is no name.
lambdr_arguments <- function(event) {
  value <- if (!is.null(settings$lambdr_deserialiser)) {
    call_user(as.call(list(settings$lambdr_deserialiser, event$text)), globalenv())
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

# lambdr_body() is JSON whatever the content type says, or base64 that is to stay so.
lambdr_body <- function(request) {
  body <- request_body(request)
  if (identical(body, "")) {
    return(NULL)
  }
  if (is.raw(body)) {
    bad_request("the body is not text")
  }
  if (!is_string(body) || is_left_base64(request)) { # no text: a test event, with JSON in its place
    return(body)
  }
  tryCatch(deserialise(body)$value, runtime_failure = function(e) {
    bad_request(sub("^the event", "the body", conditionMessage(e)))
  })
}

# lambdr_query() returns the query's parameters. Payload version 2.0 joins the values of a
# key with commas, and lambdr splits at each; elsewhere the last value counts.
lambdr_query <- function(event) {
  if (sources[[event$source]]$http$joins_query) {
    joined <- text_list(pluck(event$value, "queryStringParameters"))
    lapply(joined, function(value) unlist(strsplit(value, ",", fixed = TRUE)))
  } else {
    lapply(event$request$query, function(values) values[[length(values)]])
  }
}

# lambdr_message() is the message of an SNS event, which has one record: decoded, where it
# is JSON.
lambdr_message <- function(records) {
  message <- if (is.data.frame(records)) {
    pluck(records[["Sns"]], "Message")
  } else {
    unlist(lapply(records, function(record) pluck(record, "Sns", "Message")))
  }
  if (!is_string(message)) {
    fail("Runtime.InvalidArguments", "the SNS event has not one record with one message")
  }
  tryCatch(decode_text(message)$value, runtime_failure = function(e) message)
}

# lambdr_context() is the context as lambdr has it, a list of strings.
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
