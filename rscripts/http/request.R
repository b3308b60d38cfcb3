# HTTP requests: the events of API Gateway, function URLs and load balancers, in one form.

# new_request() returns a request as a list:
#
#   source           the name of the event's source
#   method, path     strings; the path is without the stage
#   headers          strings by name; names are in lower case
#   cookies, query   character vectors by name
#   path_parameters  character vectors by the names in the route
#   source_ip        the caller's address
#   content_type     the media type, in lower case and without parameters
#   body             the body as it came, see request_body()
#   is_base64        whether the body is in base64
#   multi_value      whether headers came as lists; a load balancer then expects them so
new_request <- function(event, source) {
  gateway <- sources[[source]]$http
  event <- gateway$read(event)
  context <- pluck(event, "requestContext")
  http <- pluck(context, "http")
  headers <- request_headers(event)
  encoded <- gateway$encoded
  list(
    source = source,
    method = first_string(pluck(event, "httpMethod"), pluck(http, "method")),
    path = path_without_stage(event),
    headers = headers,
    cookies = request_cookies(event, headers),
    query = request_query(event, "query" %in% encoded),
    path_parameters = request_path_parameters(event, "path_parameters" %in% encoded),
    source_ip = first_string(pluck(http, "sourceIp"), pluck(context, "identity", "sourceIp")),
    content_type = media_type(headers[["content-type"]]),
    body = pluck(event, "body"),
    is_base64 = isTRUE(pluck(event, "isBase64Encoded")),
    multi_value = length(pluck(event, "multiValueHeaders")) > 0L
  )
}

# path_without_stage() returns the path without the stage, which an HTTP API with a named stage
# puts in front of it.
path_without_stage <- function(event) {
  path <- pluck(event, "rawPath")
  stage <- pluck(event, "requestContext", "stage")
  if (!is_string(path) || !is_string(stage) || !startsWith(paste0(path, "/"), paste0("/", stage, "/"))) {
    return(first_string(path, pluck(event, "path")))
  }
  rest <- substring(path, nchar(stage) + 2L)
  if (nzchar(rest)) rest else "/"
}

# request_headers() returns the headers by their names in lower case. Repeated ones are joined
# with commas, as HTTP does.
request_headers <- function(event) {
  headers <- pluck(event, "multiValueHeaders")
  if (!length(headers)) {
    headers <- pluck(event, "headers")
  }
  headers <- text_list(headers)
  names(headers) <- tolower(names(headers))
  lapply(headers, paste, collapse = ", ")
}

# request_cookies() returns the cookies of a request. Payload version 2.0 has moved them from the
# headers to a key of their own.
request_cookies <- function(event, headers) {
  cookies <- unlist(pluck(event, "cookies"))
  if (!is.character(cookies)) {
    cookies <- strsplit(c(headers[["cookie"]], "")[[1L]], ";[ ]*")[[1L]]
  }
  equals <- regexpr("=", cookies, fixed = TRUE)
  cookies <- cookies[equals > 1L] # a list cannot name an element ""
  equals <- equals[equals > 1L]
  collect_values(trimws(substr(cookies, 1L, equals - 1L)), substring(cookies, equals + 1L))
}

# request_query() returns the parameters of the query. The raw query string is preferred: payload
# version 2.0 joins the values of a repeated key with commas elsewhere. `encoded`: the source has
# not decoded them.
request_query <- function(event, encoded) {
  raw <- pluck(event, "rawQueryString")
  if (is_string(raw)) {
    return(parse_query(raw))
  }
  query <- pluck(event, "multiValueQueryStringParameters")
  if (!length(query)) {
    query <- pluck(event, "queryStringParameters")
  }
  query <- text_list(query)
  if (encoded && length(query)) {
    names(query) <- percent_decode(names(query), plus = TRUE)
    query <- lapply(query, percent_decode, plus = TRUE)
  }
  query
}

# request_path_parameters() returns the values of the {names} in the route.
request_path_parameters <- function(event, encoded) {
  parameters <- text_list(pluck(event, "pathParameters"))
  if (encoded) lapply(parameters, percent_decode) else parameters
}

# text_list() returns a JSON object as a named list of character vectors. Gateways send only text.
text_list <- function(x) {
  if (!is.list(x) || is.null(names(x))) {
    return(list())
  }
  x <- lapply(x, function(value) as.character(unlist(value)))
  x[lengths(x) > 0L]
}

# media_type() returns a content type without its parameters, in lower case; "" if it is NULL.
media_type <- function(header) {
  if (is.null(header)) "" else tolower(trimws(sub(";.*", "", header)))
}

# request_body() returns a request's body without base64: a string if its bytes are text, else
# raw bytes. It returns NULL if there is none.
request_body <- function(request) {
  body <- request$body
  if (!is_string(body) || !request$is_base64 || is_left_base64(request)) {
    return(body)
  }
  bytes <- tryCatch(base64_bytes(body, "the body"), error = function(e) bad_request(condition_text(e)))
  text_or_bytes(bytes)
}

# is_left_base64() returns TRUE for a body in base64 that lambda_config(decode_base64 = FALSE)
# leaves so.
is_left_base64 <- function(request) {
  request$is_base64 && isFALSE(settings$decode_base64) && is_string(request$body)
}

# bad_request() stops with an error that the HTTP caller sees: status 400 and the message.
bad_request <- function(...) fail("Runtime.BadRequest", ..., public = paste0(...))

# request_arguments() returns what the handler's arguments are taken from, as decode_text() does.
#
# Keys of the body and of the query must be arguments of the handler, like those of a direct
# event. The route's parameters are passed if the handler takes them. They win over the others:
# the route is the API's own, the rest is the caller's.
request_arguments <- function(event, takes) {
  request <- event$request
  body <- body_arguments(request, takes)
  if (!body$is_object && !length(request$query) && !length(request$path_parameters)) {
    return(body)
  }
  args <- if (body$is_object) as.list(body$value) else list()
  if (!body$is_object && !is.null(body$value)) {
    first <- setdiff_strings(takes$before_dots, c("context", names(request$query), names(request$path_parameters)))
    args[if (length(first)) first[[1L]] else "body"] <- list(body$value)
  }
  given <- request$path_parameters
  if (!takes$dots) {
    given <- given[names(given) %in% takes$names]
  }
  # Indexing by name would lose the name "" and keys that come twice.
  query <- request$query[!names(request$query) %in% c(names(args), names(given))]
  args <- args[!names(args) %in% names(given)]
  list(value = c(given, args, query), is_object = TRUE)
}

# body_arguments() returns the body's part of request_arguments().
body_arguments <- function(request, takes) {
  body <- request_body(request)
  if (is_left_base64(request) && is.null(settings$deserialiser)) { # whatever its content type
    named <- setdiff_strings(takes$names, "context")
    return(if (!length(named) || "body" %in% named) body_only(body) else list(value = body, is_object = FALSE))
  }
  type <- request$content_type
  if (is.null(body) || identical(body, "")) {
    return(list(value = NULL, is_object = FALSE))
  }
  if (is.raw(body)) {
    if (is_json_type(type)) {
      tryCatch(bytes_to_text(body), error = function(e) bad_request(sub("^it", "the body", conditionMessage(e))))
    }
    return(body_only(body))
  }
  if (!is_string(body)) { # a test event, with JSON where a gateway sends text
    return(keys_of(body))
  }
  if (type == "multipart/form-data") {
    return(body_only(charToRaw(body)))
  }
  # `curl -d` sends everything as a form; a form never begins with a brace.
  undeclared <- type %in% c("", "application/x-www-form-urlencoded")
  if (!is.null(settings$deserialiser) || is_json_type(type) || undeclared && begins_json(body)) {
    decoded <- tryCatch(deserialise(body), runtime_failure = identity)
    if (!inherits(decoded, "runtime_failure")) {
      return(decoded)
    }
    if (is_json_type(type)) {
      bad_request(sub("^the event", "the body", c(decoded$public, conditionMessage(decoded))[[1L]]))
    }
  }
  if (type == "application/x-www-form-urlencoded") {
    return(list(value = parse_query(body), is_object = TRUE))
  }
  body_only(body)
}

body_only <- function(body) list(value = list(body = body), is_object = TRUE)

# begins_json() returns TRUE for text that begins like a JSON object or array.
begins_json <- function(text) grepl("^[ \t\r\n]*[[{]", without_mark(text))

is_json_type <- function(type) grepl("^(application|text)/(json$|.*[+]json$)", type)
