# Tables: bootstrap writes the rows of large data frames. R sends their columns, serialized, which
# takes a tenth of the time. worker/rvalue/rows.go writes the same bytes as encode_frame().

# least_cells is the number of cells from which on a data frame is sent as a table. max_tables is the
# size from which on a result is not: its JSON is too large for Lambda in any case.
least_cells <- 2000
max_tables <- 12 * 2^20

# encode_pieces() returns encode_result()'s JSON. If the result is a large data frame, or if lists in
# it hold such, it returns serialized pieces, raw bytes: JSON text, and tables.
encode_pieces <- function(value) {
  pieces <- if (!settings$lambdr_compat) pieces_of(value)
  if (!is.null(pieces)) {
    bytes <- serialize(pieces, NULL, version = 2L)
    if (length(bytes) <= max_tables) {
      return(bytes)
    }
  }
  encode_result(value)
}

# pieces_of() returns a list of the pieces of a value, or NULL if none would be a table. It looks at
# the elements of short lists only, down to `levels` below, so that it costs small results nothing.
pieces_of <- function(x, levels = 2L) {
  if (!is.list(x)) {
    return(NULL)
  }
  if (!identical(class(x), "list")) {
    table <- if (is_large_frame(x)) table_of(x)
    return(if (!is.null(table)) list(table))
  }
  if (length(x) > 20L || levels == 0L || !all(names(attributes(x)) == "names")) {
    return(NULL)
  }
  labels <- names(x)
  attributes(x) <- NULL
  inner <- lapply(x, pieces_of, levels - 1L)
  if (all(are_null(inner))) {
    return(NULL)
  }
  is_text <- are_null(inner)
  inner[is_text] <- lapply(x[is_text], function(element) list(valid_json(encode_value(element))))
  before <- c(if (is.null(labels)) "[" else "{", rep(",", length(x) - 1L))
  if (!is.null(labels)) {
    before <- paste0(before, encode_keys(clean_names(labels)), ":")
  }
  before <- lapply(before, valid_json)
  c(unlist(Map(function(text, pieces) c(list(text), pieces), before, inner), recursive = FALSE), list(if (is.null(labels)) "]" else "}"))
}

is_large_frame <- function(x) {
  as.numeric(length(x)) * .row_names_info(x, 2L) >= least_cells && identical(attribute_kind(attributes(x)), "frame")
}

# table_of() returns the table of a data frame: list(keys, kinds, columns), see rows.go. It returns
# NULL if encode_frame() must encode it: that finds what cannot be encoded.
table_of <- function(frame) {
  parts <- frame_parts(frame)
  columns <- lapply(parts$columns, table_column, parts$rows)
  sizes <- vapply(columns, function(column) length(column$values), 1L)
  keys <- if (!is.null(parts$keys)) encode_keys(parts$keys)
  if (any(are_null(columns)) || !all(sizes == parts$rows) || !all(validUTF8(as.character(keys)))) {
    return(NULL)
  }
  list(keys, vapply(columns, `[[`, "", "kind"), lapply(columns, `[[`, "values"))
}

# table_column() returns list(kind, values), or NULL.
table_column <- function(x, rows) {
  class <- if (is.null(attributes(x))) "names" else attribute_kind(attributes(x))
  if (class == "factor" || class == "ordered factor") {
    x <- as.character(x)
    class <- "names"
  }
  values <- as.vector(unclass(x))
  names(values) <- NULL
  if (class == "names" && is.character(values)) {
    values <- enc2utf8(values)
    if (all(validUTF8(values)) && !any(Encoding(values) == "bytes")) list(kind = "", values = values)
  } else if (class == "names" && typeof(values) %in% c("logical", "integer", "double")) {
    list(kind = "", values = values)
  } else if (class %in% names(table_kinds) && is.numeric(values) && in_four_digit_years(x)) {
    list(kind = table_kinds[[class]], values = as.double(values))
  } else {
    values <- paste0(encode_column(x, rows))
    if (all(validUTF8(values))) list(kind = "json", values = values)
  }
}

table_kinds <- c(Date = "date", `POSIXct POSIXt` = "time")

# in_four_digit_years() returns whether all dates or times are in the years 1000 to 9999, for which
# R's format() does the same on all systems.
in_four_digit_years <- function(x) {
  days <- unclass(x) / if (inherits(x, "Date")) 1 else 86400
  all(days >= -354000 & days < 2932000, na.rm = TRUE)
}
