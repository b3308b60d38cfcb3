# HTTP responses: what handlers return, and what API Gateway, function URLs and load
# balancers want of it.

# check_headers() returns headers as a list of character vectors. A line break in one
# would let whoever wrote that text write headers, or the page, himself.
check_headers <- function(headers) {
  headers <- lapply(headers, as.character)
  bad_names <- !grepl("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", names(headers))
  if (length(headers) && (is.null(names(headers)) || any(bad_names))) {
    stop("headers are a named list; these are no names of headers: ", quoted(names(headers)[bad_names]), call. = FALSE)
  }
  bad <- vapply(headers, function(value) anyNA(value) || any(grepl("[[:cntrl:]]", value)), NA)
  if (any(bad)) {
    stop("a header's value cannot have a line break or another control character: ", quoted(names(headers)[bad]), call. = FALSE)
  }
  headers
}

# error_status() is `code` as an integer from 400 to 599, or NULL where it is none.
error_status <- function(code) {
  status <- if (is.atomic(code)) suppressWarnings(as.integer(code))
  if (length(status) == 1L && !is.na(status) && status >= 400L && status <= 599L) status
}

content_type_of <- function(path) {
  known <- c(
    html = "text/html; charset=utf-8", htm = "text/html; charset=utf-8", css = "text/css; charset=utf-8",
    js = "text/javascript; charset=utf-8", csv = "text/csv; charset=utf-8", txt = "text/plain; charset=utf-8",
    md = "text/markdown; charset=utf-8", json = "application/json", geojson = "application/geo+json",
    xml = "application/xml", svg = "image/svg+xml", png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg",
    gif = "image/gif", webp = "image/webp", ico = "image/x-icon", tif = "image/tiff", tiff = "image/tiff",
    pdf = "application/pdf", zip = "application/zip", gz = "application/gzip",
    xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    parquet = "application/vnd.apache.parquet", woff2 = "font/woff2", mp4 = "video/mp4"
  )
  ending <- tolower(sub("^.*[.]", "", basename(path)))
  if (ending %in% names(known)) known[[ending]] else "application/octet-stream"
}

# is_text_type() is TRUE for content types whose bytes are text.
is_text_type <- function(type) {
  grepl("^text/|^application/(json|xml|javascript|.*[+](json|xml))$|^image/svg[+]xml$", media_type(type))
}

# as_response() makes a response of what a handler returned. `accept` is the request's
# Accept header.
as_response <- function(value, accept = NULL) {
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
  } else if (is.data.frame(value) && wants_csv(accept)) {
    html_response(csv_text(value), content_type = "text/csv; charset=utf-8")
  } else {
    html_response(serialise(value), content_type = "application/json")
  }
}

# is_page() is TRUE for what the htmltools package makes.
is_page <- function(value) inherits(value, c("html", "shiny.tag", "shiny.tag.list"))

# wants_csv() is TRUE when an Accept header names text/csv, and JSON not before it.
wants_csv <- function(accept) {
  accept <- tolower(accept)
  if (!any(grepl("text/csv", accept, fixed = TRUE))) {
    return(FALSE)
  }
  parts <- strsplit(accept, ",", fixed = TRUE)[[1L]]
  types <- media_type(parts)
  q <- rep(1, length(parts))
  told <- grepl(";[ ]*q=[0-9.]+", parts)
  q[told] <- suppressWarnings(as.numeric(sub(".*;[ ]*q=([0-9.]+).*", "\\1", parts[told])))
  best <- function(type) max(c(0, q[types == type]), na.rm = TRUE)
  best("text/csv") > 0 && best("text/csv") >= best("application/json") &&
    !(best("text/csv") == best("application/json") && match("application/json", types) < match("text/csv", types))
}

# csv_text() is a data frame as RFC 4180 has it, with the row names that JSON has, too. It
# is the same in any locale and time zone, which write.csv() is not.
csv_text <- function(value) {
  rows <- attr(value, "row.names")
  columns <- csv_columns(value, names(value))
  if (is.character(rows) && !all(grepl("^[0-9]+$", rows))) {
    columns <- c(list(`_row` = csv_quoted(rows)), columns)
  }
  header <- paste(csv_quoted(as.character(names(columns))), collapse = ",")
  lines <- if (length(rows) && length(columns)) do.call(paste, c(unname(columns), sep = ","))
  paste0(c(header, lines), "\r\n", collapse = "")
}

# csv_columns() is a list of the cells of columns. A column of several columns is that many.
csv_columns <- function(columns, labels) {
  labels <- if (is.null(labels)) character(length(columns)) else labels
  do.call(c, lapply(seq_along(columns), function(i) csv_column(.subset2(columns, i), labels[[i]])))
}

csv_column <- function(x, label) {
  if (is.matrix(x) && ncol(x) > 1L) {
    inner <- if (is.null(colnames(x))) seq_len(ncol(x)) else colnames(x)
    csv_columns(lapply(seq_len(ncol(x)), function(j) x[, j]), paste0(label, ".", inner))
  } else if (is.data.frame(x)) {
    csv_columns(x, paste0(label, ".", names(x)))
  } else if (is.list(x) && !inherits(x, "POSIXlt")) {
    fail("Runtime.MarshalError", "the result cannot be encoded as CSV: the column ", quoted(label), " is a list")
  } else {
    structure(list(csv_cells(x)), names = label)
  }
}

# csv_cells() is the text of each element of a vector, none for NA.
csv_cells <- function(x) {
  if (inherits(x, "POSIXt")) {
    return(csv_quoted(plain_vector(as.POSIXct(x), "POSIXct POSIXt")))
  }
  if (is.character(x) || is.factor(x)) {
    return(csv_quoted(as.character(x)))
  }
  # sprintf(), because as.character() would obey the user's options(OutDec, scipen).
  text <- if (is.double(x) && !is.object(x)) sprintf("%.15g", x) else as.character(x)
  odd <- grepl("[\",\r\n]", text)
  text[odd] <- csv_quoted(text[odd])
  text[is.na(x)] <- ""
  text
}

csv_quoted <- function(text) {
  text <- enc2utf8(text)
  ifelse(is.na(text), "", paste0("\"", gsub("\"", "\"\"", text, fixed = TRUE), "\""))
}

# is_proxy_result() is TRUE for a list that a handler made for API Gateway itself.
is_proxy_result <- function(value) {
  is.list(value) && !is.object(value) && !is.null(value[["statusCode"]])
}

# encode_response() returns the JSON that the source takes for what a handler returned.
encode_response <- function(value, request) {
  if (is_proxy_result(value)) {
    value <- check_proxy_result(value)
    return(encode_or_fail(value))
  }
  result <- proxy_result(as_response(value, request$headers[["accept"]]), request)
  encode_or_fail(result)
}

# check_proxy_result() returns it with the types that a gateway wants, which has an error
# without a word otherwise: objects for headers, though they may be vectors with names, and
# arrays for what comes several times.
check_proxy_result <- function(value) {
  single <- value[["headers"]]
  several <- value[["multiValueHeaders"]]
  cookies <- unlist(value[["cookies"]])
  check_headers(lapply(as.list(single), unlist))
  check_headers(lapply(as.list(several), unlist))
  check_headers(list(cookies = cookies))
  if (!is.null(single)) {
    value$headers <- structure(as.list(single), names = as.character(names(single))) # {} without any
  }
  if (!is.null(several)) {
    value$multiValueHeaders <- structure(
      lapply(as.list(several), function(x) I(unlist(x))),
      names = as.character(names(several))
    )
  }
  if (!is.null(cookies)) {
    value$cookies <- I(cookies)
  }
  value
}

# proxy_result() puts a response into the form that the source wants. Sources differ in
# how they take headers that come more than once, as cookies do: payload version 2.0 has
# a place for cookies and joins all others, the older ones have multiValueHeaders, and a
# load balancer takes either these or single ones, as it sends them itself.
proxy_result <- function(response, request) {
  result <- list(statusCode = response$status)
  headers <- response$headers
  cookies <- response$cookies
  single <- structure(lapply(headers, paste, collapse = ", "), names = as.character(names(headers))) # {} without any
  if (request$source %in% c("http", "url")) {
    result$headers <- single
    if (length(cookies)) {
      result$cookies <- I(cookies)
    }
  } else {
    if (length(cookies)) {
      headers[["Set-Cookie"]] <- c(headers[["Set-Cookie"]], cookies)
      single[["Set-Cookie"]] <- cookies[[length(cookies)]]
    }
    several <- lengths(headers) > 1L
    if (request$source == "alb" && request$multi_value) {
      result$multiValueHeaders <- lapply(headers, I)
    } else if (request$source == "alb") {
      result$headers <- single
      if (length(cookies) > 1L) {
        current$log("warn", paste0(
          "the load balancer takes one Set-Cookie header, the last of ", length(cookies), " is sent: ",
          "turn on multi-value headers in the target group"
        ))
      }
    } else {
      result$headers <- single[!several]
      if (any(several)) {
        result$multiValueHeaders <- lapply(headers[several], I)
      }
    }
  }
  body <- response$body
  is_base64 <- response$is_base64
  if (is.raw(body)) {
    text <- if (is_text_type(single[["Content-Type"]])) tryCatch(bytes_to_text(body), error = function(e) NULL)
    is_base64 <- is.null(text)
    body <- if (is_base64) base64_text(body) else text
  }
  result$body <- if (is.null(body)) "" else body
  result$isBase64Encoded <- is_base64
  result
}

# failure_response() is the JSON of what the caller of a failed handler gets. Only
# `answer`, see public_answer(), is for strangers; nothing else of the failure is sent.
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
