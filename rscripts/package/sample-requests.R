# HTTP requests as each source sends them, made of a sample.

method_for <- function(body) if (is.null(body)) "GET" else "POST"

# sample_body() returns list(body, isBase64Encoded, type): text as it is, raw bytes in base64, anything
# else as JSON.
sample_body <- function(body) {
  if (is.null(body)) {
    list(body = NULL, isBase64Encoded = FALSE, type = NULL)
  } else if (is.raw(body)) {
    list(body = base64_text(body), isBase64Encoded = TRUE, type = "application/octet-stream")
  } else {
    text <- payload_text(body)
    json <- !is_plain_text(body) || begins_json(text)
    list(body = text, isBase64Encoded = FALSE, type = if (json) "application/json" else "text/plain; charset=utf-8")
  }
}

# sample_headers() returns the headers of a request: those of the sample, the type of the body, the
# cookies, and those given, which win. Names are in lower case. A header may have several values.
sample_headers <- function(event, type, cookies, headers) {
  headers <- check_headers(headers)
  names(headers) <- tolower(names(headers))
  all <- text_list(event$headers)
  names(all) <- tolower(names(all))
  all <- all[!names(all) %in% c("content-type", "content-length", "cookie")]
  all["content-type"] <- list(type)
  all["cookie"] <- list(if (length(cookies)) paste(cookies, collapse = "; "))
  all[names(headers)] <- headers
  all[!vapply(all, is.null, logical(1))]
}

# sample_query() returns the parameters of a query: character vectors by name.
sample_query <- function(query) {
  query <- lapply(as.list(query), function(value) {
    if (is.logical(value)) tolower(as.character(value)) else if (is.numeric(value)) sprintf("%.15g", value) else as.character(value)
  })
  if (length(query) && (is.null(names(query)) || !all(nzchar(names(query))))) {
    stop("sample_event(): the parameters of query must have names", call. = FALSE)
  }
  query
}

sample_cookies <- function(cookies) {
  if (is.null(names(cookies))) as.character(unlist(cookies)) else paste0(names(cookies), "=", unlist(cookies))
}

check_path <- function(path) {
  if (!is_string(path) || !startsWith(path, "/") || grepl("?", path, fixed = TRUE)) {
    stop("sample_event(): path must begin with / and must not have a query, which is a field of its own", call. = FALSE)
  }
  path
}

joined <- function(values, by = ",") lapply(values, paste, collapse = by)

last_values <- function(values) lapply(values, function(value) value[[length(value)]])

or_null <- function(values) if (length(values)) values

query_string <- function(query) raw_query(list(query = query))

# payload_2_request() returns a request in payload version 2.0.
payload_2_request <- function(event, method, path, query, headers, body, cookies, path_parameters) {
  query <- sample_query(query)
  content <- sample_body(body)
  event$rawPath <- check_path(path)
  event$rawQueryString <- query_string(query)
  event$queryStringParameters <- or_null(joined(query))
  event$cookies <- or_null(as.list(sample_cookies(cookies)))
  event$headers <- joined(sample_headers(event, content$type, NULL, headers))
  event$pathParameters <- or_null(lapply(as.list(path_parameters), as.character))
  event$requestContext$http$method <- method
  event$requestContext$http$path <- path
  event$requestContext$stage <- "$default"
  event$routeKey <- if (is.null(event$routeKey)) NULL else "$default"
  event$body <- content$body
  event$isBase64Encoded <- content$isBase64Encoded
  event
}

# payload_1_request() returns a request in payload version 1.0.
payload_1_request <- function(event, method, path, query, headers, body, cookies, path_parameters) {
  query <- sample_query(query)
  content <- sample_body(body)
  headers <- sample_headers(event, content$type, sample_cookies(cookies), headers)
  event$path <- check_path(path)
  event$httpMethod <- method
  event$headers <- last_values(headers)
  event$multiValueHeaders <- lapply(headers, as.list)
  event["queryStringParameters"] <- list(or_null(last_values(query)))
  event["multiValueQueryStringParameters"] <- list(or_null(lapply(query, as.list)))
  event["pathParameters"] <- list(or_null(lapply(as.list(path_parameters), as.character)))
  event$requestContext$httpMethod <- method
  event$requestContext$path <- path
  if (is.null(event$type)) {
    event["body"] <- list(content$body)
    event$isBase64Encoded <- content$isBase64Encoded
  }
  event
}

# load_balancer_request() returns a request of a load balancer, which leaves the query encoded.
load_balancer_request <- function(event, method, path, query, headers, body, cookies) {
  query <- sample_query(query)
  names(query) <- percent_encode(as.character(names(query)))
  query <- lapply(query, percent_encode)
  content <- sample_body(body)
  multi_value <- !is.null(event$multiValueHeaders)
  if (multi_value) {
    event$headers <- last_values(text_list(event$multiValueHeaders))
  }
  headers <- sample_headers(event, content$type, sample_cookies(cookies), headers)
  event$path <- check_path(path)
  event$httpMethod <- method
  if (multi_value) {
    event$headers <- NULL
    event$multiValueHeaders <- lapply(headers, as.list)
    event$multiValueQueryStringParameters <- if (length(query)) lapply(query, as.list) else named_list()
  } else {
    event$headers <- joined(headers)
    event$queryStringParameters <- if (length(query)) last_values(query) else named_list()
  }
  event$body <- if (is.null(content$body)) "" else content$body
  event$isBase64Encoded <- content$isBase64Encoded
  event
}

# lattice_request() returns a request of VPC Lattice, in the event structure of the sample.
lattice_request <- function(event, method, path, query, headers, body, cookies) {
  query <- sample_query(query)
  content <- sample_body(body)
  headers <- sample_headers(event, content$type, sample_cookies(cookies), headers)
  whole <- paste0(check_path(path), if (length(query)) paste0("?", query_string(query)))
  event$method <- method
  event["body"] <- list(content$body)
  if (is_lattice_1(event)) {
    event$raw_path <- whole
    event$headers <- joined(headers)
    event["query_string_parameters"] <- list(or_null(last_values(query)))
    event$is_base64_encoded <- content$isBase64Encoded
  } else {
    event$path <- whole
    event$headers <- lapply(headers, as.list)
    event["queryStringParameters"] <- list(or_null(lapply(query, as.list)))
    event$isBase64Encoded <- content$isBase64Encoded
  }
  event
}
