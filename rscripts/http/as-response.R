# Results: the response that each becomes.

# response_of() returns the response for what a handler returned.
response_of <- function(value, request) {
  if (inherits(value, "lambda_response")) {
    value
  } else if (is_plot(value)) {
    png_response(value)
  } else if (settings$lambdr_compat) {
    # text, too, is JSON there, and NULL nothing
    html_response(if (!is.null(value)) serialise(value), content_type = "application/json")
  } else if (is.raw(value)) {
    html_response(value, content_type = "application/octet-stream")
  } else if (is_page(value)) {
    html_response(paste(as.character(value), collapse = "\n"))
  } else if (is_string(value) && !inherits(value, c("json", "AsIs"))) {
    html_response(value, content_type = "text/plain; charset=utf-8")
  } else if (is.data.frame(value) && wants_csv(request$headers[["accept"]])) {
    html_response(csv_text(value), content_type = "text/csv; charset=utf-8")
  } else {
    html_response(serialise(value), content_type = "application/json")
  }
}

# is_page() is TRUE for what the htmltools package makes.
is_page <- function(value) inherits(value, c("html", "shiny.tag", "shiny.tag.list"))

