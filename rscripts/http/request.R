# HTTP requests: the events of API Gateway, function URLs and load balancers, in one form.

# new_request() returns a request as a list:
#
#   source           the name of the event's source
#   method, path     strings; the path is without the stage
#   headers          strings by name; names are in lower case
#   cookies, query   character vectors by name
#   raw_query        the query as in the URL, without "?"; NULL if the source does not send it
#   path_parameters  character vectors by the names in the route
#   source_ip        the caller's address
#   content_type     the media type, in lower case and without parameters
#   body             the body as it came, see request_body()
#   is_base64        whether the body is in base64
#   multi_value      whether headers came as lists; a load balancer then expects them so
#   decoded          the text and the value of a body that bootstrap has decoded, see read_event()
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
    raw_query = first_string(pluck(event, "rawQueryString")),
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

# request_headers() returns the headers by their names in lower case. Repeated ones are joined as
# in HTTP, with commas, or semicolons for cookies.
request_headers <- function(event) {
  headers <- pluck(event, "multiValueHeaders")
  if (!length(headers)) {
    headers <- pluck(event, "headers")
  }
  headers <- text_list(headers)
  names(headers) <- tolower(names(headers))
  for (i in which(lengths(headers) > 1L)) {
    headers[[i]] <- paste(headers[[i]], collapse = if (names(headers)[[i]] == "cookie") "; " else ", ")
  }
  headers
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

# raw_query() returns the query string of a request: as in the URL, or with the same meaning.
raw_query <- function(request) {
  query <- request$query
  if (is.null(request$raw_query) && length(query)) {
    paste0(percent_encode(rep(names(query), lengths(query))), "=", percent_encode(unlist(query)), collapse = "&")
  } else {
    c(request$raw_query, "")[[1L]]
  }
}

# http_context() returns what context$http has of a request.
http_context <- function(request) {
  request$raw_query <- raw_query(request)
  request[c("method", "path", "headers", "cookies", "query", "raw_query", "path_parameters", "source_ip")]
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

# request_body() returns a request's body, decoded: a string if its bytes are text, else raw bytes.
# It returns NULL if there is none.
request_body <- function(request) {
  body <- body_bytes(request)
  if (is.raw(body)) text_in_charset(body, request_charset(request$headers[["content-type"]])) else body
}

# body_bytes() returns a body that came in base64 as raw bytes, decompressed. It returns any other
# body as it came.
body_bytes <- function(request) {
  body <- request$body
  if (!is_string(body) || !request$is_base64 || is_left_base64(request)) {
    return(body)
  }
  tryCatch(
    {
      bytes <- base64_bytes(body, "the body")
      if (is_compressed(request)) decompress(bytes, "the body", max_body) else bytes
    },
    error = function(e) bad_request(condition_text(e))
  )
}

# max_body is the size limit of a decompressed body, in bytes. Lambda accepts 6 MB, and a few KB of a
# hostile body can decompress to all the memory.
max_body <- 20 * 2^20

# is_compressed() returns TRUE for a body that body_bytes() decompresses.
is_compressed <- function(request) {
  coding <- request$headers[["content-encoding"]]
  !is.null(coding) && tolower(trimws(coding)) %in% c("gzip", "x-gzip", "deflate") &&
    request$is_base64 && !is_left_base64(request)
}

# request_charset() returns the charset of a content type, NULL for UTF-8 and for those that are
# not in the list: the name is the caller's, and iconv() loads code for it.
request_charset <- function(content_type) {
  found <- regmatches(content_type, regexec(";[ ]*charset=[\"']?([A-Za-z0-9_-]+)", content_type, ignore.case = TRUE))
  charset <- tolower(c(unlist(found), "", "")[[2L]])
  known <- "^(iso-8859-([1-9]|1[0-6])|latin1|windows-125[0-8]|koi8-[ru]|shift_jis|euc-(jp|kr)|gbk|gb2312|gb18030|big5|utf-16(le|be)?)$"
  if (grepl(known, charset)) charset
}

# text_in_charset() returns bytes as a string, or as they are if they are not text.
text_in_charset <- function(bytes, charset) {
  if (is.null(charset)) {
    return(text_or_bytes(bytes))
  }
  text <- tryCatch(iconv(list(bytes), charset, "UTF-8"), error = function(e) NA_character_)
  if (is.na(text)) bytes else text
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
# Keys of the body must be arguments of the handler, like those of a direct event. Parameters of the
# query and of the route are passed if the handler takes them. The route's win over the others: the
# route is the API's own, the rest is the caller's.
request_arguments <- function(event, takes) {
  request <- event$request
  body <- body_arguments(request, takes)
  query <- taken_query(request$query, takes)
  if (!body$is_object && !length(query) && !length(request$path_parameters)) {
    return(body)
  }
  args <- if (body$is_object) as.list(body$value) else list()
  if (!body$is_object && !is.null(body$value)) {
    first <- setdiff_strings(takes$before_dots, c("context", names(query), names(request$path_parameters)))
    args[if (length(first)) first[[1L]] else "body"] <- list(body$value)
  }
  given <- request$path_parameters
  if (!takes$dots) {
    given <- given[names(given) %in% takes$names]
  }
  # Indexing by name would lose the name "" and keys that come twice.
  query <- query[!names(query) %in% c(names(args), names(given))]
  args <- args[!names(args) %in% names(given)]
  list(value = c(given, args, query), is_object = TRUE)
}

# taken_query() returns the parameters of the query that the handler takes. Callers add others to a
# URL, such as utm_source.
taken_query <- function(query, takes) {
  keys <- names(query)
  taken <- keys %in% setdiff_strings(takes$names, "context")
  if (takes$dots) {
    # R would pass a key to an argument before `...` whose name it begins.
    partial <- vapply(keys, function(key) any(startsWith(takes$before_dots, key)), logical(1), USE.NAMES = FALSE)
    taken <- taken | is_argument_name(keys) & !partial & keys != "context"
  }
  if (!all(taken)) {
    current$log("debug", "query parameters ignored", NULL, list(parameters = quoted(keys[!taken])))
  }
  query[taken]
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
  if (type == "multipart/form-data" && (is.raw(body) || is_string(body))) {
    bytes <- if (is.raw(body)) body else charToRaw(enc2utf8(body))
    return(list(value = parse_multipart(bytes, request$headers[["content-type"]]), is_object = TRUE))
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
  # `curl -d` sends everything as a form; a form never begins with a brace.
  undeclared <- type %in% c("", "application/x-www-form-urlencoded")
  if (!is.null(settings$deserialiser) || is_json_type(type) || undeclared && begins_json(body)) {
    decoded <- tryCatch(decode_body(body, request), runtime_failure = identity)
    if (!inherits(decoded, "runtime_failure")) {
      return(decoded)
    }
    if (is_json_type(type)) {
      bad_request(sub("^the event", "the body", c(decoded$public, conditionMessage(decoded))[[1L]]))
    }
  }
  if (type == "application/x-www-form-urlencoded") {
    return(list(value = parse_query(body, request_charset(request$headers[["content-type"]])), is_object = TRUE))
  }
  body_only(body)
}

# decode_body() returns what deserialise() does for a body. bootstrap has decoded most.
decode_body <- function(body, request) {
  decoded <- request$decoded
  if (!is.null(decoded) && is.null(settings$deserialiser) && identical(body, decoded$text)) {
    list(value = decoded$value, is_object = is_object(decoded$value))
  } else {
    deserialise(body)
  }
}

body_only <- function(body) list(value = list(body = body), is_object = TRUE)

# begins_json() returns TRUE for text that begins like a JSON object or array.
# (With R's own regular expressions, the search takes longer than the parsing.)
begins_json <- function(text) grepl("^[ \t\r\n]*[[{]", without_mark(text), perl = TRUE, useBytes = TRUE)

is_json_type <- function(type) grepl("^(application|text)/(json$|.*[+]json$)", type)
