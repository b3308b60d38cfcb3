# Results: the S3 generics that decide what a handler's result becomes. User code and packages can
# add methods for classes of their own.

# as_response() returns the HTTP response for a handler's result, as html_response() makes it.
# `request` is the request that it answers; a method can use its `headers`, as in context$http.
as_response <- function(value, request = NULL, ...) UseMethod("as_response")

# as_result() returns the R value whose JSON is sent for a handler's result: to callers other than
# HTTP ones, and by the default method of as_response().
as_result <- function(value, ...) UseMethod("as_result")

# The default tells base types apart itself: R would not call a method for "raw" or "character" if
# the value has a class.
as_response.default <- function(value, request = NULL, ...) {
  if (is.raw(value)) {
    html_response(value, content_type = "application/octet-stream")
  } else if (is_page(value)) {
    html_response(html_text(value))
  } else if (is_string(value)) {
    html_response(value, content_type = "text/plain; charset=utf-8")
  } else {
    json_response(value)
  }
}

as_response.lambda_response <- function(value, request = NULL, ...) value

as_response.json <- function(value, request = NULL, ...) json_response(value)
as_response.AsIs <- as_response.json

as_response.data.frame <- function(value, request = NULL, ...) {
  if (wants_csv(request$headers[["accept"]])) {
    html_response(csv_text(value), content_type = "text/csv; charset=utf-8")
  } else {
    json_response(value)
  }
}

# Text that htmltools has marked as HTML.
as_response.html <- function(value, request = NULL, ...) {
  html_response(paste(as.character(value), collapse = "\n"))
}

# Tables of knitr's kable().
as_response.knitr_kable <- function(value, request = NULL, ...) {
  text <- paste(as.character(value), collapse = "\n")
  if (identical(attr(value, "format"), "html")) {
    html_response(html_document(text))
  } else {
    html_response(text, content_type = "text/plain; charset=utf-8")
  }
}

# Plots of ggplot2, recordPlot(), lattice and grid.
as_response.ggplot <- function(value, request = NULL, ...) png_response(value)
as_response.recordedplot <- as_response.ggplot
as_response.trellis <- as_response.ggplot
as_response.gtable <- as_response.ggplot
as_response.grob <- as_response.ggplot

as_result.default <- function(value, ...) if (is_page(value)) html_text(value) else value

# A direct caller gets a response in the form of payload version 2.0.
as_result.lambda_response <- function(value, ...) json_text(proxy_result(value, list(source = "http")))

as_result.ggplot <- function(value, ...) json_text(png_bytes(value, 800, 600, 96))
as_result.recordedplot <- as_result.ggplot
as_result.trellis <- as_result.ggplot
as_result.gtable <- as_result.ggplot
as_result.grob <- as_result.ggplot

json_response <- function(value) html_response(serialise(result_of(value)), content_type = "application/json")

# json_text() returns a value's JSON, marked so that it is not encoded again.
json_text <- function(value) structure(encode_or_fail(value), class = "json")

# response_of() calls as_response().
response_of <- function(value, request) {
  if (settings$lambdr_compat && !is_plot(value) && !inherits(value, "lambda_response")) {
    # lambdr sends text as JSON, and nothing for NULL.
    return(html_response(if (!is.null(value)) serialise(value), content_type = "application/json"))
  }
  if (!has_user_method("as_response", value)) {
    return(as_response(value, request))
  }
  env <- list2env(list(as_response = as_response, value = value, request = request), parent = globalenv())
  response <- call_user(quote(as_response(value, request)), env)
  if (!inherits(response, "lambda_response")) {
    fail(
      "Runtime.MarshalError", "as_response() returned a value of class ", quoted(class(response)[[1L]]), " for one of class ",
      quoted(class(value)[[1L]]), ": its method must return html_response() or the like"
    )
  }
  response
}

# result_of() calls as_result().
result_of <- function(value) {
  if (!has_user_method("as_result", value)) {
    return(as_result(value))
  }
  env <- list2env(list(as_result = as_result, value = value), parent = globalenv())
  call_user(quote(as_result(value)), env)
}

# has_user_method() returns TRUE if a method of user code applies to a value. Then the generic must
# be called as user code is, for its compilation and its stack. (R finds methods in the global
# environment and registered ones.) A value without a class attribute is not looked up, because
# that would cost every invocation 10 us.
has_user_method <- function(generic, value) {
  if (!is.object(value)) {
    return(FALSE)
  }
  for (name in paste0(generic, ".", c(.class2(value), "default"))) {
    method <- get0(name, globalenv(), mode = "function", inherits = FALSE)
    if (is.null(method)) {
      method <- environment(has_user_method)[[".__S3MethodsTable__."]][[name]]
    }
    if (!is.null(method) && !identical(environment(method), environment(has_user_method))) {
      return(TRUE)
    }
  }
  FALSE
}
