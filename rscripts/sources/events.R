# Event sources: which AWS service an event comes from, told by its structure. (A search
# in its text would be fooled by what strangers write into it.)

# The sources, as LAMBDA_R_EVENT and docs/handlers.md name them.
http_sources <- c("rest", "http", "url", "alb", "websocket")
record_sources <- c("sns", "sqs", "s3", "s3-batch", "kinesis", "dynamodb", "msk", "logs")
event_sources <- c(http_sources, record_sources, "eventbridge", "direct")

is_http <- function(source) !is.null(source) && source %in% http_sources

# check_event_setting() stops on a LAMBDA_R_EVENT that names no source.
check_event_setting <- function() {
  setting <- Sys.getenv("LAMBDA_R_EVENT")
  if (nzchar(setting) && !setting %in% c("auto", event_sources)) {
    fail(
      "Runtime.InvalidConfiguration", "LAMBDA_R_EVENT is ", quoted(setting), ": want auto or one of ",
      paste(event_sources, collapse = ", ")
    )
  }
}

# event_source() returns the source of a decoded event, or what LAMBDA_R_EVENT says.
event_source <- function(event) {
  setting <- Sys.getenv("LAMBDA_R_EVENT")
  if (nzchar(setting) && setting != "auto") {
    return(setting)
  }
  detect_source(event)
}

# detect_source() returns the source that an event's structure tells.
detect_source <- function(event) {
  if (!is.list(event) || is.data.frame(event) || is.null(names(event))) {
    return("direct")
  }
  request <- event[["requestContext"]]
  if (is.list(request)) {
    return(request_source(event, request))
  }
  if (!is.null(event[["Records"]])) {
    return(records_source(event[["Records"]]))
  }
  if (is_string(event[["detail-type"]]) && is_string(event[["source"]]) && "detail" %in% names(event)) {
    "eventbridge"
  } else if (is_string(event[["eventSource"]]) && is.list(event[["records"]]) &&
    event[["eventSource"]] %in% c("aws:kafka", "SelfManagedKafka")) {
    "msk"
  } else if (is.list(event[["awslogs"]]) && is_string(event[["awslogs"]][["data"]])) {
    "logs"
  } else if (is_string(event[["invocationSchemaVersion"]]) && !is.null(event[["tasks"]]) && is.list(event[["job"]])) {
    "s3-batch"
  } else {
    "direct"
  }
}

# request_source() tells the sources of HTTP requests apart. A function URL and an HTTP
# API send the same payload, version 2.0; only the domain differs.
request_source <- function(event, request) {
  if (is.list(request[["elb"]])) {
    "alb"
  } else if (is.list(request[["http"]]) && is_string(event[["rawPath"]])) {
    domain <- request[["domainName"]]
    if (is_string(domain) && grepl(".lambda-url.", domain, fixed = TRUE)) "url" else "http"
  } else if (is_string(request[["connectionId"]])) {
    "websocket"
  } else if (is_string(event[["httpMethod"]]) && is_string(event[["path"]])) {
    "rest" # an HTTP API with payload version 1.0, too
  } else {
    "direct"
  }
}

# records_source() tells the sources of records by what the first one says.
records_source <- function(records) {
  first <- if (is.data.frame(records)) {
    c(records[["eventSource"]], records[["EventSource"]])[1L] # SNS has a capital
  } else if (is.list(records) && length(records) && is.list(records[[1L]])) {
    c(records[[1L]][["eventSource"]], records[[1L]][["EventSource"]])[1L]
  }
  known <- c("aws:sns" = "sns", "aws:sqs" = "sqs", "aws:s3" = "s3", "aws:kinesis" = "kinesis", "aws:dynamodb" = "dynamodb")
  if (is_string(first) && first %in% names(known)) known[[first]] else "direct"
}
