# HTTP requests: what the events of API Gateway, function URLs and load balancers say,
# in one form.

# new_request() returns a list: `method`, `path`, `headers` (names in lower case, one
# string each), `cookies` and `query` (named lists; each parameter is a character
# vector of its values), `path_parameters`, `source_ip`, `content_type` (in lower case,
# without parameters), `body` as it came (see request_body()), and `multi_value`: the
# headers came as lists, and a load balancer wants them so.
new_request <- function(event, source) {
  context <- pluck(event, "requestContext")
  http <- pluck(context, "http")
  headers <- request_headers(event)
  list(
    source = source,
    method = first_string(pluck(event, "httpMethod"), pluck(http, "method")),
    path = path_without_stage(event),
    headers = headers,
    cookies = request_cookies(event, headers),
    query = request_query(event, source),
    path_parameters = request_path_parameters(event, source),
    source_ip = first_string(pluck(http, "sourceIp"), pluck(context, "identity", "sourceIp")),
    content_type = media_type(headers[["content-type"]]),
    body = pluck(event, "body"),
    is_base64 = isTRUE(pluck(event, "isBase64Encoded")),
    multi_value = length(pluck(event, "multiValueHeaders")) > 0L
  )
}

# path_without_stage() is the path without the stage, which an HTTP API with a named one puts
# before it.
path_without_stage <- function(event) {
  path <- pluck(event, "rawPath")
  stage <- pluck(event, "requestContext", "stage")
  if (!is_string(path) || !is_string(stage) || !startsWith(paste0(path, "/"), paste0("/", stage, "/"))) {
    return(first_string(path, pluck(event, "path")))
  }
  rest <- substring(path, nchar(stage) + 2L)
  if (nzchar(rest)) rest else "/"
}

# request_headers() returns the headers by their names in lower case. Several of one
# name are joined as HTTP joins them.
request_headers <- function(event) {
  headers <- pluck(event, "multiValueHeaders")
  if (!length(headers)) {
    headers <- pluck(event, "headers")
  }
  headers <- text_list(headers)
  names(headers) <- tolower(names(headers))
  lapply(headers, paste, collapse = ", ")
}

# request_cookies() returns the cookies that the browser sent.
request_cookies <- function(event, headers) {
  cookies <- unlist(pluck(event, "cookies")) # payload version 2.0 has taken them out of the headers
  if (!is.character(cookies)) {
    cookies <- strsplit(c(headers[["cookie"]], "")[[1L]], ";[ ]*")[[1L]]
  }
  equals <- regexpr("=", cookies, fixed = TRUE)
  cookies <- cookies[equals > 1L] # one without a name can be no element of a list
  equals <- equals[equals > 1L]
  collect_values(trimws(substr(cookies, 1L, equals - 1L)), substring(cookies, equals + 1L))
}

# request_query() returns the query's parameters. Payload version 2.0 joins the values
# of a repeated key with commas, so its raw query string is read instead; a load balancer
# does not decode, API Gateway does.
request_query <- function(event, source) {
  raw <- pluck(event, "rawQueryString")
  if (is_string(raw)) {
    return(parse_query(raw))
  }
  query <- pluck(event, "multiValueQueryStringParameters")
  if (!length(query)) {
    query <- pluck(event, "queryStringParameters")
  }
  query <- text_list(query)
  if (source == "alb" && length(query)) {
    names(query) <- percent_decode(names(query), plus = TRUE)
    query <- lapply(query, percent_decode, plus = TRUE)
  }
  query
}

# request_path_parameters() returns what the route's {names} stand for. A REST API
# gives them as they are in the URL.
request_path_parameters <- function(event, source) {
  parameters <- text_list(pluck(event, "pathParameters"))
  if (source == "rest") lapply(parameters, percent_decode) else parameters
}

# text_list() makes a named list of character vectors of a JSON object. What is not text
# there is none that a gateway sent.
text_list <- function(x) {
  if (!is.list(x) || is.null(names(x))) {
    return(list())
  }
  x <- lapply(x, function(value) as.character(unlist(value)))
  x[lengths(x) > 0L]
}

# media_type() is a content type without its parameters, in lower case; "" for none.
media_type <- function(header) {
  if (is.null(header)) "" else tolower(trimws(sub(";.*", "", header)))
}

# request_body() returns a request's body decoded from base64: a string where its bytes
# are one, raw bytes else. NULL: there is none.
request_body <- function(request) {
  body <- request$body
  if (!is_string(body) || !request$is_base64 || is_left_base64(request)) {
    return(body)
  }
  bytes <- tryCatch(base64_bytes(body, "the body"), error = function(e) bad_request(condition_text(e)))
  text_or_bytes(bytes)
}

# is_left_base64() is TRUE for a body in base64 that the handler wants so.
is_left_base64 <- function(request) {
  request$is_base64 && isFALSE(settings$decode_base64) && is_string(request$body)
}

# bad_request() stops with an error that the caller of an HTTP source may read: status
# 400 and the message.
bad_request <- function(...) fail("Runtime.BadRequest", ..., public = paste0(...))

# request_arguments() returns what a request gives a handler that takes `takes`:
# list(value, is_object), as decode_text() does.
#
# The body's keys and the query's must be arguments of the handler, as those of a direct
# event. The route's parameters are given where the handler takes them; they win over
# the others, since the route is the API's own and the rest is the caller's.
request_arguments <- function(request, takes) {
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
  # Not by names: there can be the name "", and that of a key that comes twice.
  query <- request$query[!names(request$query) %in% c(names(args), names(given))]
  args <- args[!names(args) %in% names(given)]
  list(value = c(given, args, query), is_object = TRUE)
}

# body_arguments() is the body's part of that.
body_arguments <- function(request, takes) {
  body <- request_body(request)
  if (is_left_base64(request) && is.null(settings$deserialiser)) { # whatever the content type says of it
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
  if (!is_string(body)) { # a test event, with JSON where a gateway has text
    return(list(value = body, is_object = is.list(body) && !is.null(names(body))))
  }
  if (type == "multipart/form-data") {
    return(body_only(charToRaw(body)))
  }
  # curl -d says that everything is a form; a form never begins with a brace.
  untold <- type %in% c("", "application/x-www-form-urlencoded")
  if (!is.null(settings$deserialiser) || is_json_type(type) || untold && begins_json(body)) {
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

# begins_json() is TRUE for text that begins as a JSON object or array.
begins_json <- function(text) grepl("^[ \t\r\n]*[[{]", without_mark(text))

is_json_type <- function(type) grepl("^(application|text)/(json$|.*[+]json$)", type)
