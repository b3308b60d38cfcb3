# Forms with files: multipart/form-data (RFC 7578).

# parse_multipart() returns the parts of a form by their names. A field is text; several of one name
# are a vector. A file is list(name, type, content), with raw content; several are a list of these.
# The name and the type of a file are what the caller says.
parse_multipart <- function(bytes, content_type) {
  delimiter <- charToRaw(paste0("\r\n--", multipart_boundary(content_type)))
  bytes <- c(charToRaw("\r\n"), bytes)
  starts <- grepRaw(delimiter, bytes, fixed = TRUE, all = TRUE)
  ends <- starts + length(delimiter)
  n <- length(starts)
  if (n == 0L || !identical(bytes[ends[[n]] + 0:1], charToRaw("--"))) {
    bad_request("the form has no end: its closing boundary is missing")
  }
  if (n > 1001L) {
    bad_request("the form has more than 1000 parts")
  }
  parts <- lapply(seq_len(n - 1L), function(i) parse_part(bytes[seq_len(starts[[i + 1L]] - ends[[i]]) + ends[[i]] - 1L]))
  names <- vapply(parts, `[[`, character(1), "field")
  values <- lapply(parts, `[[`, "value")
  lapply(split(values, factor(names, unique(names))), join_values)
}

multipart_boundary <- function(content_type) {
  found <- regmatches(content_type, regexec(";[ ]*boundary=(\"([^\"]+)\"|([^;\" ]+))", content_type, ignore.case = TRUE))[[1L]]
  if (!length(found)) {
    bad_request("the form's content type has no boundary")
  }
  paste0(found[[3L]], found[[4L]])
}

# parse_part() returns a part as list(field, value).
parse_part <- function(bytes) {
  blank <- grepRaw("\r\n\r\n", bytes, fixed = TRUE)
  if (length(blank) && blank > 4096L) { # which the patterns below would take seconds to search
    bad_request("a part of the form has more than 4 KB of headers")
  }
  head <- tryCatch(bytes_to_text(utils::head(bytes, sum(blank) - 1L)), error = function(e) "")
  lines <- strsplit(head, "\r\n", fixed = TRUE)[[1L]]
  header <- function(name) {
    line <- grep(paste0("^", name, ":"), lines, ignore.case = TRUE, value = TRUE)
    if (length(line)) trimws(sub("^[^:]*:", "", line[[1L]]))
  }
  disposition <- header("content-disposition")
  field <- disposition_parameter(disposition, "name")
  if (!length(blank) || is.null(field)) {
    bad_request("a part of the form has no name")
  }
  content <- bytes[-seq_len(blank + 3L)]
  file <- disposition_parameter(disposition, "filename")
  type <- header("content-type")
  value <- if (is.null(file)) {
    text_in_charset(content, request_charset(type))
  } else {
    list(name = file, type = if (is.null(type)) "application/octet-stream" else media_type(type), content = content)
  }
  if (is.raw(value)) {
    bad_request("the field ", quoted(field), " of the form is not text")
  }
  list(field = field, value = value)
}

# disposition_parameter() returns a parameter of a Content-Disposition, or NULL. Browsers encode
# quotes and line breaks in it.
disposition_parameter <- function(disposition, name) {
  parameters <- unlist(regmatches(disposition, gregexpr(";[ \t]*[A-Za-z*]+=(\"[^\"]*\"|[^;\"]*)", disposition)))
  of_name <- grep(paste0("^;[ \t]*", name, "="), parameters, ignore.case = TRUE, value = TRUE)
  if (!length(of_name)) {
    return(NULL)
  }
  text <- gsub("^\"|\"$", "", trimws(sub("^[^=]*=", "", of_name[[1L]])))
  for (code in c("%22", "%0D", "%0A")) {
    text <- gsub(code, percent_decode(code), text, fixed = TRUE)
  }
  text
}

# join_values() returns the values of one name.
join_values <- function(values) {
  if (length(values) == 1L) {
    values[[1L]]
  } else if (all(vapply(values, is.character, logical(1)))) {
    unlist(values)
  } else {
    values
  }
}
