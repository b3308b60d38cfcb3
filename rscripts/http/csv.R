# CSV: data frames for callers that prefer it to JSON.

# wants_csv() returns TRUE if an Accept header names text/csv and does not prefer JSON to it.
wants_csv <- function(accept) {
  accept <- tolower(accept)
  if (!any(grepl("text/csv", accept, fixed = TRUE))) {
    return(FALSE)
  }
  parts <- strsplit(accept, ",", fixed = TRUE)[[1L]]
  types <- media_type(parts)
  q <- rep(1, length(parts))
  has_q <- grepl(";[ ]*q=[0-9.]+", parts)
  q[has_q] <- suppressWarnings(as.numeric(sub(".*;[ ]*q=([0-9.]+).*", "\\1", parts[has_q])))
  best <- function(type) max(c(0, q[types == type]), na.rm = TRUE)
  best("text/csv") > 0 && best("text/csv") >= best("application/json") &&
    !(best("text/csv") == best("application/json") && match("application/json", types) < match("text/csv", types))
}

# csv_text() returns a data frame as RFC 4180 text, with row names where JSON has them. Unlike
# that of write.csv(), it is the same in any locale and time zone.
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

# csv_columns() returns a list with the cells of each column. A matrix or data frame in a column
# becomes several columns.
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
  } else if (is.list(x) && is.list(plain_column(x))) {
    fail("Runtime.MarshalError", "the result cannot be encoded as CSV: the column ", quoted(label), " is a list")
  } else {
    cells <- csv_cells(x)
    if (!all(validUTF8(cells))) {
      fail("Runtime.MarshalError", "the result cannot be encoded as CSV: the column ", quoted(label), " has text that is not valid UTF-8")
    }
    structure(list(cells), names = label)
  }
}

# plain_column() returns a column of a class with its elements as JSON has them.
plain_column <- function(x) if (is.object(x)) plain_value(without_as_is(x)) else x

# csv_cells() returns the text of each element of a vector, "" for NA. Values with a class have the
# text that they have in JSON.
csv_cells <- function(x) {
  is_text <- is.character(x) || inherits(x, c("POSIXt", "factor"))
  x <- plain_column(x)
  if (is_text) {
    return(csv_quoted(as.character(x)))
  }
  # Unlike sprintf(), as.character() obeys the user's options(OutDec, scipen).
  text <- if (is.double(x)) with_all_digits(sprintf("%.15g", x), x) else as.character(x)
  odd <- grepl("[\",\r\n]", text)
  text[odd] <- csv_quoted(text[odd])
  text[is.na(x) | inherits(x, "json") & text == "null"] <- ""
  text
}

csv_quoted <- function(text) {
  text <- enc2utf8(text)
  ifelse(is.na(text), "", paste0("\"", gsub("\"", "\"\"", text, fixed = TRUE, useBytes = !all(validUTF8(text))), "\""))
}
