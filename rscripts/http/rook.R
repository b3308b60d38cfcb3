# Rook: the form in which R's web frameworks see a request, an environment, and a response,
# list(status, headers, body). The names are those of the httpuv package.

# rook_request() returns the Rook form of a decoded event, see event.R. `input` is the body, from
# rook_input().
rook_request <- function(event, input) {
  request <- event$request
  headers <- request$headers
  if (is_compressed(request)) { # rook_input() reads it decompressed
    headers[["content-encoding"]] <- NULL
  }
  cookies <- unlist(pluck(event$value, "cookies"))
  if (length(cookies)) { # which payload version 2.0 has moved from the headers
    headers$cookie <- paste(cookies, collapse = "; ")
  }
  variables <- headers
  names(variables) <- sprintf("HTTP_%s", gsub("-", "_", toupper(names(headers)), fixed = TRUE))
  variables <- variables[is_argument_name(names(variables))] # a longer one cannot name a variable

  list2env(c(variables, list(
    REQUEST_METHOD = request$method,
    SCRIPT_NAME = "",
    PATH_INFO = request$path,
    QUERY_STRING = sub("^(.)", "?\\1", raw_query(request)),
    SERVER_NAME = text_or(headers$host, "localhost"),
    SERVER_PORT = text_or(headers[["x-forwarded-port"]], "443"),
    REMOTE_ADDR = text_or(request$source_ip, ""),
    CONTENT_TYPE = headers[["content-type"]],
    CONTENT_LENGTH = if (input$length > 0L) as.character(input$length),
    HEADERS = unlist(headers),
    rook.version = "1.1-0",
    rook.url_scheme = text_or(headers[["x-forwarded-proto"]], "https"),
    rook.input = input,
    rook.errors = list(
      cat = function(...) cat(..., file = stderr()),
      flush = function() flush(stderr())
    ),
    lambda_event = event$value,
    lambda_context = new_context(current$invocation$frame, request)
  )), new.env(parent = emptyenv()))
}

text_or <- function(x, otherwise) if (is.null(x)) otherwise else x

# request_bytes() returns a request's body as raw bytes.
request_bytes <- function(request) {
  body <- body_bytes(request)
  if (is.null(body) || is.raw(body)) {
    return(as.raw(body))
  }
  # A test event may have JSON where a gateway sends text.
  charToRaw(enc2utf8(if (is_string(body)) body else encode_or_fail(body)))
}

# rook_input() returns Rook's reader of a body, which must be closed.
rook_input <- function(bytes) {
  con <- rawConnection(bytes)
  list(
    length = length(bytes),
    read = function(l = -1L) readBin(con, "raw", if (l < 0L) length(bytes) else l),
    read_lines = function(n = -1L) readLines(con, n, warn = FALSE, encoding = "UTF-8", skipNul = TRUE),
    rewind = function() seek(con, 0L),
    close = function() close(con)
  )
}

# rook_response() returns the response, see response.R, for list(status, headers, body). The body
# is text, raw bytes, or c(file = path). Unlike httpuv it does not accept list(file = path): an
# endpoint that echoes JSON would then serve any file.
rook_response <- function(answer) {
  body <- answer$body
  if (is.character(body) && identical(names(body), "file")) {
    body <- readBin(body, "raw", file.size(body))
  } else if (is.character(body)) {
    body <- enc2utf8(paste(body, collapse = "\n"))
    if (!validUTF8(body)) {
      body <- charToRaw(body)
    }
  }
  headers <- lapply(answer$headers, paste)
  key <- tolower(names(headers))
  html_response(
    body, answer$status,
    # If there are several, browsers use the last. plumber sets none for a list, its answer to an
    # error in a hook.
    content_type = if (any(key == "content-type")) {
      headers[[max(which(key == "content-type"))]]
    } else if (is.list(body)) {
      "application/json"
    },
    headers = headers[!key %in% c("content-type", "content-length")]
  )
}
