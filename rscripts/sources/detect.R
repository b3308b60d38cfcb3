# Detection: the AWS service that an event comes from, by the event's structure. Searching the
# event's text would let strangers choose the source.

# check_event_setting() stops if LAMBDA_R_EVENT does not name a source.
check_event_setting <- function() {
  setting <- Sys.getenv("LAMBDA_R_EVENT")
  if (nzchar(setting) && !setting %in% c("auto", names(sources))) {
    fail(
      "Runtime.InvalidConfiguration", "LAMBDA_R_EVENT=", quoted(setting), ": not a source; set it to auto or one of ",
      paste(names(sources), collapse = ", ")
    )
  }
}

# source_of() returns the name of a decoded event's source: LAMBDA_R_EVENT, or the detected one.
source_of <- function(event) {
  setting <- Sys.getenv("LAMBDA_R_EVENT")
  if (nzchar(setting) && setting != "auto") setting else detect_source(event)
}

# detect_source() returns the name of the first source in `sources` that detects the event.
detect_source <- function(event) {
  if (!is.list(event) || is.data.frame(event) || is.null(names(event))) {
    return("direct")
  }
  for (name in names(source_keys)[source_keys %in% names(event)]) {
    if (sources[[name]]$detect(event)) {
      return(name)
    }
  }
  "direct"
}

# is_http() returns TRUE for the name of an HTTP source.
is_http <- function(source) !is.null(source) && !is.null(sources[[source]]$http)

# takes_streams() returns FALSE for an HTTP source that sends whole responses only.
takes_streams <- function(source) !is_http(source) || sources[[source]]$http$streams

# request_context() returns what API Gateway and its like say about a request, or NULL.
request_context <- function(event) {
  context <- event[["requestContext"]]
  if (is.list(context)) context
}

# is_payload_2() returns TRUE for a request in payload version 2.0. Function URLs and HTTP APIs
# both send it; only the domain differs.
is_payload_2 <- function(event) {
  is.list(pluck(request_context(event), "http")) && is_string(event[["rawPath"]])
}

is_function_url <- function(event) {
  domain <- pluck(request_context(event), "domainName")
  is_string(domain) && grepl(".lambda-url.", domain, fixed = TRUE)
}

# first_record_is() returns TRUE if the first record of an event names this event source. (SNS
# writes the key with a capital.)
first_record_is <- function(event, name) {
  records <- event[["Records"]]
  first <- if (is.data.frame(records)) {
    c(records[["eventSource"]], records[["EventSource"]])[1L]
  } else if (is.list(records) && length(records) && is.list(records[[1L]])) {
    c(records[[1L]][["eventSource"]], records[[1L]][["EventSource"]])[1L]
  }
  is_string(first) && first == name
}
