# Encoding: a result becomes JSON, as jsonlite makes it with the settings of to_json(), except for
# what jsonlite would lose or refuse: see classes.R, and encode_doubles() for large whole numbers.
#
# jsonlite dispatches an S4 method for each element, about 50 us for one number. This encoder
# encodes a whole level of the tree at once: all its numbers in one call, all its strings in
# another, and then the children of all its lists. 100 rows of four values take 0.5 ms instead of
# 14 ms (BenchmarkJSON in test/bench).
#
# To delete the batching, let encode_list() and encode_rows() call encode_one() for each element;
# then encode_nodes(), encode_vectors(), encode_lists(), attribute_kinds(), plain_nodes() and
# join.R are not needed. encode_one(), classes.R and unencodable.R define the JSON.

# encode_result() returns the JSON of a handler's result, as one string in UTF-8. Text of class
# "json" is JSON already and is returned unchanged. It stops if `value` cannot be encoded.
encode_result <- function(value) {
  if (inherits(value, "json")) {
    return(valid_text(paste(json_elements(value), collapse = "")))
  }
  valid_json(encode_value(value))
}

# valid_json() returns JSON in valid UTF-8, or stops.
valid_json <- function(json) if (validUTF8(json)) json else valid_text(replace_surrogates(json))

# encode_value() returns the JSON of `value`, which may not be valid UTF-8. It stops for strings
# that are marked as bytes: they have no encoding.
encode_value <- function(value) {
  json <- if (settings$lambdr_compat) encode_by_jsonlite(value) else encode_one(value)
  if (Encoding(json) == "bytes") {
    stop_unencodable("a string that is marked as bytes")
  }
  enc2utf8(json)
}

# valid_text() returns `text`, or stops if it is not valid UTF-8.
valid_text <- function(text) {
  if (!validUTF8(text)) {
    stop_unencodable("text that is not valid UTF-8")
  }
  text
}

# encode_one() returns the JSON of one value. For a few values this is faster than encoding them
# together.
encode_one <- function(x) {
  attrs <- attributes(x)
  kind <- if (is.null(attrs)) "names" else attribute_kind(attrs)
  switch(kind,
    names = switch(typeof(x),
      logical = , integer = , double = , character = encode_vector(x),
      list = encode_list(x),
      raw = encode_strings(base64_text(x)),
      `NULL` = "null",
      encode_other(x)
    ),
    frame = encode_frame(x),
    array = encode_array(x),
    json = encode_texts(x),
    unknown = encode_other(x),
    encode_one(plain_nodes(list(x), kind)[[1L]])
  )
}

# encode_vector() returns the JSON of a logical, integer, double or character vector: an object if
# it has names that are kept.
encode_vector <- function(x) {
  labels <- names(x)
  if (!is.null(labels) && keep_names()) {
    return(json_helpers()$object(encode_keys(clean_names(labels)), encode_atoms(unname(x))))
  }
  text <- encode_atoms(x)
  if (length(text) == 1L) text else json_helpers()$array(text)
}

# encode_texts() returns the JSON of text that is JSON already.
encode_texts <- function(x) {
  text <- json_elements(x)
  if (length(text) == 1L) text else json_helpers()$array(text)
}

# json_elements() returns each element of text that is JSON already, and "null" for NA.
json_elements <- function(x) {
  text <- enc2utf8(as.character(x))
  text[is.na(text)] <- "null"
  text
}

# encode_list() returns the JSON of a list without a class.
encode_list <- function(x) {
  labels <- names(x)
  if (odd_names(labels)) {
    labels <- clean_names(labels)
  }
  attributes(x) <- NULL
  join_one(if (length(x) <= 12L) vapply(x, encode_one, character(1)) else encode_nodes(x), labels)
}

# encode_nodes() returns the JSON of each element of `nodes`, a list without names.
encode_nodes <- function(nodes) {
  out <- character(length(nodes))
  types <- vapply(nodes, typeof, character(1))
  attrs <- lapply(nodes, attributes)
  kinds <- attribute_kinds(attrs)
  for (kind in setdiff_strings(unique(kinds), "")) {
    i <- which(kinds == kind)
    if (kind == "names") {
      i <- i[types[i] %in% c("logical", "integer", "double", "character")]
      if (!length(i) || !keep_names()) {
        next
      }
    } else if (!kind %in% c("frame", "array", "json", "unknown")) {
      nodes[i] <- plain_nodes(nodes[i], kind)
      types[i] <- vapply(nodes[i], typeof, character(1))
      next
    }
    out[i] <- vapply(nodes[i], encode_one, character(1))
    types[i] <- "done"
  }
  for (type in unique(types)) {
    i <- which(types == type)
    out[i] <- switch(type,
      logical = , integer = , double = , character = encode_vectors(nodes[i]),
      list = encode_lists(nodes[i]),
      `NULL` = "null",
      done = out[i],
      vapply(nodes[i], encode_one, character(1))
    )
  }
  out
}

# encode_vectors() returns the JSON of each element of `vectors`, a list of vectors of one type.
# Vectors of length one are scalars.
encode_vectors <- function(vectors) {
  if (length(vectors) == 1L) {
    return(encode_vector(unname(vectors[[1L]])))
  }
  sizes <- lengths(vectors)
  scalar <- sizes == 1L
  if (all(scalar)) {
    return(encode_atoms(unlist(vectors, use.names = FALSE)))
  }
  out <- character(length(vectors))
  out[scalar] <- encode_atoms(unlist(vectors[scalar], use.names = FALSE))
  sizes <- sizes[!scalar]
  out[!scalar] <- join(encode_atoms(unlist(vectors[!scalar], use.names = FALSE)), sizes, sizes)
  out
}

# encode_lists() returns the JSON of each element of `lists`, a list of lists.
encode_lists <- function(lists) {
  if (length(lists) == 1L) {
    return(encode_list(lists[[1L]]))
  }
  labels <- lapply(lists, names)
  alike <- length(unique(labels)) == 1L
  odd <- if (alike) rep(odd_names(labels[[1L]]), length(lists)) else vapply(labels, odd_names, logical(1))
  labels[odd] <- lapply(labels[odd], clean_names)
  sizes <- lengths(lists)
  shapes <- if (alike) sizes else vapply(seq_along(lists), function(i) list_shape(labels[[i]], sizes[[i]]), character(1))
  children <- encode_nodes(unlist(lists, recursive = FALSE, use.names = FALSE))
  join(children, sizes, shapes, labels)
}

# odd_names() returns TRUE if clean_names() would change names.
odd_names <- function(labels) {
  anyDuplicated(labels) > 0L || anyNA(labels) || any(labels == "")
}

# clean_names() returns names as keys, as jsonlite does: an element without a name gets its number,
# and repeated names get a suffix.
clean_names <- function(labels) {
  if (odd_names(labels)) {
    missing <- is.na(labels) | labels == ""
    labels[missing] <- as.character(which(missing))
    labels <- make.unique(labels)
  }
  labels
}

# list_shape() returns the same text for lists with the same names, and for lists of the same size
# without names.
list_shape <- function(labels, size) {
  if (is.null(labels)) sprintf("%d", size) else json_helpers()$array(encode_keys(labels))
}

# encode_frame() returns the JSON of a data frame: an array of its rows.
encode_frame <- function(frame) json_helpers()$array(encode_rows(frame))

# encode_rows() returns the JSON of each row of a data frame. Row names that are text become a key,
# "_row". Without column names, rows are arrays.
encode_rows <- function(frame) {
  parts <- frame_parts(frame)
  if (!length(parts$columns) || !parts$rows) {
    return(rep("{}", parts$rows))
  }
  text <- lapply(parts$columns, encode_column, parts$rows)
  if (!all(lengths(text) == parts$rows)) {
    stop_unencodable("a data frame with columns of different lengths")
  }
  join_columns(text, parts$keys)
}

# frame_parts() returns the keys of a data frame's rows, NULL if they are arrays, its columns, and the
# number of its rows.
frame_parts <- function(frame) {
  rows <- attr(frame, "row.names")
  labels <- names(frame)
  columns <- unclass(frame)
  attributes(columns) <- NULL
  if (is.character(rows) && !all(grepl("^[0-9]+$", rows))) {
    labels <- c(if (is.null(labels)) character(length(columns)) else labels, "_row")
    columns <- c(columns, list(rows))
  }
  list(keys = if (!is.null(labels)) clean_names(labels), columns = columns, rows = length(rows))
}

# encode_column() returns the JSON of each element of a data frame's column: of each row, if that
# is a data frame or a matrix.
encode_column <- function(x, rows) {
  kind <- if (is.null(attributes(x))) "names" else attribute_kind(attributes(x))
  switch(kind,
    names = if (is.list(x)) encode_nodes(unname(x)) else encode_atoms(unname(x)),
    frame = encode_rows(x),
    array = encode_array_rows(x),
    json = json_elements(x),
    unknown = if (has_json_method(x)) {
      vapply(seq_len(rows), function(i) encode_by_jsonlite(x[i]), character(1))
    } else {
      encode_column(plain_value(without_as_is(x)), rows)
    },
    encode_column(plain_vector(x, kind), rows)
  )
}

# encode_array() returns the JSON of a matrix, as an array of its rows, or of an array of any
# dimensions.
encode_array <- function(x) {
  labels <- dimnames(x)
  if (!is.null(labels) && length(dim(x)) <= 2L && keep_names()) {
    return(encode_named_array(x))
  }
  json_helpers()$array(encode_array_rows(x))
}

# encode_array_rows() returns the JSON of each element along the first dimension of an array.
encode_array_rows <- function(x) {
  size <- dim(x)
  text <- if (is.list(x)) {
    # jsonlite has the scalars of a matrix of lists in brackets.
    elements <- as.vector(x)
    alone <- lengths(elements) == 1L & vapply(elements, is.atomic, logical(1))
    elements[alone] <- lapply(elements[alone], list)
    encode_nodes(elements)
  } else {
    encode_atoms(as.vector(x))
  }
  for (k in rev(seq_along(size))[-length(size)]) {
    above <- prod(size[seq_len(k - 1L)])
    text <- if (!length(text)) {
      rep("[]", above)
    } else {
      join_columns(lapply(seq_len(size[[k]]), function(i) text[(i - 1) * above + seq_len(above)]), NULL)
    }
  }
  text
}

# encode_named_array() returns the JSON of a vector or matrix with dimnames: an object, or an array
# of rows.
encode_named_array <- function(x) {
  if (length(dim(x)) == 1L) {
    return(encode_one(structure(as.vector(x), names = dimnames(x)[[1L]])))
  }
  rows <- rownames(x)
  labels <- colnames(x)
  columns <- lapply(seq_len(ncol(x)), function(j) as.vector(x[, j]))
  names(columns) <- if (is.null(labels)) paste0("V", seq_along(columns)) else labels
  encode_frame(structure(columns, class = "data.frame", row.names = if (is.null(rows)) .set_row_names(nrow(x)) else rows))
}

# attribute_kinds() applies attribute_kind() to each of a list of attributes; the kind of no
# attributes is "". Nearly always all are names, or only a few are distinct.
attribute_kinds <- function(attrs) {
  counts <- lengths(attrs)
  kinds <- character(length(attrs))
  some <- which(counts > 0L)
  attrs <- attrs[some]
  if (!length(some)) {
    return(kinds)
  }
  if (all(counts[some] == 1L) && all(unlist(lapply(attrs, names)) == "names")) {
    kinds[some] <- "names"
    return(kinds)
  }
  distinct <- unique(attrs)
  if (length(distinct) <= 4L) {
    for (one in distinct) {
      kinds[some[vapply(attrs, identical, logical(1), one)]] <- attribute_kind(one)
    }
  } else {
    kinds[some] <- vapply(attrs, attribute_kind, character(1))
  }
  kinds
}

# attribute_kind() classifies a value by its attributes: "names" if it has only names, "array",
# "frame", "json", one of the classes that plain_vector() knows, or "unknown".
attribute_kind <- function(attributes) {
  labels <- names(attributes)
  if (identical(labels, "names")) {
    return("names")
  }
  kind <- paste(attributes[["class"]], collapse = " ")
  if (kind %in% c("data.frame", "tbl_df tbl data.frame", "data.table data.frame")) {
    "frame"
  } else if (kind %in% c("factor", "ordered factor", "Date", "POSIXct POSIXt", "AsIs") &&
    all(labels %in% c("class", "levels", "tzone")) || kind == "POSIXlt POSIXt") {
    kind
  } else if (kind == "json") {
    "json"
  } else if (all(labels %in% c("dim", "dimnames"))) {
    "array"
  } else {
    "unknown"
  }
}

# plain_vector() returns a vector of one of these classes as the plain vector that is encoded.
plain_vector <- function(x, kind) {
  switch(kind,
    Date = finite_text(x, format(x)),
    `POSIXct POSIXt` = finite_text(x, utc_text(x)),
    `POSIXlt POSIXt` = plain_vector(as.POSIXct(x), "POSIXct POSIXt"),
    AsIs = unclass(x),
    as.character(x)
  )
}

# utc_text() returns instants in ISO 8601, in UTC, with milliseconds if they are not zero.
utc_text <- function(x) {
  ms <- round(as.double(unclass(x)) * 1000)
  seconds <- floor(ms / 1000)
  text <- format(structure(seconds, class = c("POSIXct", "POSIXt")), "%Y-%m-%dT%H:%M:%SZ", tz = "UTC")
  ms <- ms - seconds * 1000
  some <- which(ms > 0)
  text[some] <- sprintf("%s.%03.0fZ", sub("Z$", "", text[some]), ms[some])
  text
}

# finite_text() replaces the text of infinite dates, which R shows as Inf, by NA.
finite_text <- function(x, text) {
  text[!is.finite(unclass(x))] <- NA
  text
}

# plain_nodes() applies plain_vector() to each element of `nodes`, a list of values of one kind, and
# turns I(1) into list(1): both are [1]. Single dates are formatted together, because formatting
# one takes as long as formatting a hundred.
plain_nodes <- function(nodes, kind) {
  sizes <- lengths(nodes)
  if (kind %in% c("Date", "POSIXct POSIXt") && all(sizes == 1L)) {
    dates <- structure(unlist(nodes, use.names = FALSE), class = strsplit(kind, " ")[[1L]])
    return(as.list(plain_vector(dates, kind)))
  }
  plain <- lapply(nodes, plain_vector, kind)
  boxed <- kind == "AsIs" & sizes == 1L & vapply(plain, is.atomic, logical(1))
  plain[boxed] <- lapply(plain[boxed], list)
  plain
}

# encode_other() returns the JSON of a value of any other type or class. I() of a single value is
# an array.
encode_other <- function(x) {
  if (has_json_method(x)) {
    return(encode_by_jsonlite(x))
  }
  if (inherits(x, "AsIs")) {
    inner <- without_as_is(x)
    json <- encode_one(inner)
    is_scalar <- length(inner) == 1L && (!is.list(inner) || inherits(inner, "POSIXlt")) && !grepl("^[[{]", json)
    return(if (is_scalar) paste0("[", json, "]") else json)
  }
  encode_one(plain_value(x))
}

# encode_by_jsonlite() lets jsonlite encode a value: one that has a method for it, or any for
# LAMBDA_R_COMPAT=lambdr.
encode_by_jsonlite <- function(x) {
  check_encodable(x)
  json <- tryCatch(to_json(x), error = function(e) {
    why <- condition_text(e)
    stop_unencodable(describe(x), if (!startsWith(why, "No method")) why)
  })
  if (length(json) != 1L) {
    stop_unencodable(describe(x))
  }
  as.vector(unclass(json))
}

# keep_names() returns whether the names of vectors and matrices are kept.
keep_names <- function() {
  if (isTRUE(settings$keep_names)) {
    return(TRUE)
  }
  dropped$names <- TRUE
  FALSE
}

# dropped$names is TRUE if the names of a vector or matrix were left out, dropped$hinted if that is in
# the log.
dropped <- new.env(parent = emptyenv())

# hint_at_names() logs, once, which names were left out of the result `value`.
hint_at_names <- function(value, log) {
  if (isTRUE(dropped$names) && is.null(dropped$hinted)) {
    path <- named_element(value)
    if (!is.null(path)) {
      dropped$hinted <- TRUE
      log("info", paste0("the names of ", path, " were left out; lambda_config(keep_names = TRUE) keeps names"))
    }
  }
}
