# HTTP responses that handlers make.

# check_headers() returns headers as a list of character vectors by name. Headers of one name,
# whatever its case, become one; NULL and NA are left out. It refuses line breaks, with which the
# text of a stranger could add headers, or replace the page.
check_headers <- function(headers) {
  if (!length(headers)) {
    return(list())
  }
  headers <- lapply(as.list(headers), function(value) as.character(unlist(value)))
  bad_names <- !grepl("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", names(headers))
  if (is.null(names(headers)) || any(bad_names)) {
    stop("headers must be a named list; these are not header names: ", quoted(names(headers)[bad_names]), call. = FALSE)
  }
  headers <- merge_headers(lapply(headers, function(value) value[!is.na(value)]))
  invalid <- !vapply(headers, function(value) all(validUTF8(enc2utf8(value))), logical(1))
  if (any(invalid)) {
    stop("a header's value must be valid UTF-8: ", quoted(names(headers)[invalid]), call. = FALSE)
  }
  bad <- vapply(headers, function(value) any(grepl("[[:cntrl:]]", value)), logical(1))
  if (any(bad)) {
    stop("a header's value cannot contain a line break or another control character: ", quoted(names(headers)[bad]), call. = FALSE)
  }
  headers[lengths(headers) > 0L]
}

# merge_headers() merges headers that come more than once.
merge_headers <- function(headers) {
  key <- tolower(names(headers))
  if (!anyDuplicated(key)) {
    return(headers)
  }
  merged <- lapply(unname(split(headers, factor(key, unique(key)))), unlist, use.names = FALSE)
  names(merged) <- names(headers)[!duplicated(key)]
  merged
}

# header_fields() returns checked headers and cookies, list(headers, cookies). Each cookie is a
# Set-Cookie header, the only kind that cannot be joined with commas (RFC 9110, section 5.3).
header_fields <- function(headers, cookies) {
  headers <- check_headers(headers)
  is_cookie <- tolower(names(headers)) == "set-cookie"
  list(
    headers = headers[!is_cookie],
    cookies = unlist(c(headers[is_cookie], check_headers(list("Set-Cookie" = cookies))), use.names = FALSE)
  )
}

# header_value() returns the values of a header, whatever the case of its name, as one string, or
# NULL.
header_value <- function(headers, name) {
  at <- match(name, tolower(names(headers)))
  if (!is.na(at)) paste(headers[[at]], collapse = ", ")
}

# error_status() returns `code` as an integer from 400 to 599, or NULL if it is not one.
error_status <- function(code) {
  status <- if (is.atomic(code)) suppressWarnings(as.integer(code))
  if (length(status) == 1L && !is.na(status) && status >= 400L && status <= 599L) status
}

# clock_tick is how much a file's time may lag behind the clock, in ms: the kernel's tick.
clock_tick <- 10

# delete_once_sent() lets the invocation delete a file at its end, but only one that is certainly
# the handler's to lose: the file itself, not a link to it, is in tempdir(), and was made or
# written since the invocation began. A file outside, or one that a handler made before, to send
# it again, is left alone.
delete_once_sent <- function(path) {
  invocation <- current$invocation
  path <- normalizePath(path)
  own <- startsWith(path, paste0(normalizePath(tempdir()), "/"))
  if (own && !is.null(invocation$started) &&
    as.numeric(file.info(path, extra_cols = FALSE)$ctime) * 1000 >= invocation$started - clock_tick) {
    invocation$sent_files <- c(invocation$sent_files, path)
  }
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

# is_text_type() returns TRUE for content types whose bytes are text.
is_text_type <- function(type) {
  grepl("^text/|^application/(json|xml|javascript|.*[+](json|xml))$|^image/svg[+]xml$", media_type(type))
}
