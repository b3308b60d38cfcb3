# Gateways: the JSON that API Gateway, function URLs and load balancers expect for a response.

# encode_response() returns the JSON that the request's source expects for a handler's result.
encode_response <- function(value, request) {
  if (is_proxy_result(value)) {
    value <- check_proxy_result(value, request)
    return(encode_or_fail(value))
  }
  result <- proxy_result(response_of(value, request), request)
  encode_or_fail(result)
}

# is_proxy_result() returns TRUE for a list that a handler made for the gateway itself.
is_proxy_result <- function(value) {
  is.list(value) && !is.object(value) && !is.null(value[["statusCode"]])
}

# check_proxy_result() returns it with headers and cookies in the form that the gateway expects,
# which otherwise ignores them, or fails without giving a reason.
check_proxy_result <- function(value, request) {
  own <- c("headers", "multiValueHeaders", "cookies")
  if (!any(own %in% names(value))) {
    return(value)
  }
  fields <- header_fields(c(as.list(value[["headers"]]), as.list(value[["multiValueHeaders"]])), value[["cookies"]])
  fields$headers <- lapply(fields$headers, unique) # a header may be in both lists
  c(value["statusCode"], source_headers(fields, request), value[!names(value) %in% c("statusCode", own)])
}

# source_headers() returns the members of a result that hold headers and cookies.
source_headers <- function(fields, request) sources[[request$source]]$http$headers(fields, request)

# proxy_result() returns a response in the form that the request's source expects.
proxy_result <- function(response, request) {
  result <- c(list(statusCode = response$status), source_headers(response, request))
  body <- response$body
  is_base64 <- response$is_base64
  if (is.raw(body)) {
    type <- header_value(response$headers, "content-type")
    text <- if (is_text_type(type)) tryCatch(bytes_to_text(body), error = function(e) NULL)
    is_base64 <- is.null(text)
    body <- if (is_base64) base64_text(body) else text
  }
  result$body <- if (is.null(body)) "" else body
  result$isBase64Encoded <- is_base64
  result
}

# joined_headers() returns headers as a JSON object, {} if there are none. The values of a repeated
# header are joined.
joined_headers <- function(headers) {
  structure(lapply(headers, paste, collapse = ", "), names = as.character(names(headers)))
}

# payload_2_headers() returns the headers as payload version 2.0 has them: each once, and cookies
# beside them.
payload_2_headers <- function(response, request) {
  cookies <- response$cookies
  c(list(headers = joined_headers(response$headers)), if (length(cookies)) list(cookies = I(cookies)))
}

# payload_1_headers() returns the headers as payload version 1.0 has them: repeated ones apart.
payload_1_headers <- function(response, request) {
  headers <- headers_with_cookies(response)
  several <- lengths(headers) > 1L
  c(
    list(headers = joined_headers(headers[!several])),
    if (any(several)) list(multiValueHeaders = lapply(headers[several], I))
  )
}

# load_balancer_headers() returns either all headers as lists or all as strings, whichever the
# load balancer sent.
load_balancer_headers <- function(response, request) {
  if (request$multi_value) {
    return(list(multiValueHeaders = lapply(headers_with_cookies(response), I)))
  }
  cookies <- response$cookies
  headers <- joined_headers(response$headers)
  if (length(cookies)) {
    headers[["Set-Cookie"]] <- cookies[[length(cookies)]]
  }
  if (length(cookies) > 1L) {
    current$log("warn", paste0(
      "the load balancer takes one Set-Cookie header, so only the last of ", length(cookies), " is sent: ",
      "turn on multi-value headers in the target group"
    ))
  }
  list(headers = headers)
}

headers_with_cookies <- function(response) {
  headers <- response$headers
  if (length(response$cookies)) {
    headers[["Set-Cookie"]] <- response$cookies
  }
  headers
}

# failure_response() returns the JSON of the response to the caller of a failed handler. Of the
# failure it contains only `answer`, see public_answer().
failure_response <- function(answer, request, id) {
  if (is.null(answer)) {
    response <- html_response(
      encode_result(list(message = "Internal server error", requestId = id)),
      500L, "application/json", list("x-amzn-ErrorType" = "InternalServerError")
    )
  } else {
    response <- html_response(
      answer$message, answer$code, "text/plain; charset=utf-8", list("x-amzn-ErrorType" = answer$type)
    )
  }
  encode_result(proxy_result(response, request))
}
