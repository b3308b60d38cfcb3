# Encoding: a result becomes JSON, byte for byte as to_json() makes it, in a fraction of the time.
#
# jsonlite dispatches an S4 method for each element, about 50 us for one number. This encoder
# encodes a whole level of the tree at once: all its numbers in one call, all its strings in
# another, and then the children of all its lists. It passes what it does not recognise (most
# classes, matrices, odd names) to jsonlite, element by element. 100 rows of four values take
# 0.5 ms instead of 14 ms (BenchmarkJSON in test/bench).
#
# The encoder is an optimisation and nothing else. To delete it, remove atoms.R, join.R, this file
# except encode_result(), encode_value(), encode_other(), with_instants(), plain_vector() and
# finite_text(), and the comparing tests; let encode_value() call encode_other() always, and
# json_string() call jsonlite.

# encode_result() returns the JSON of a handler's result, as one string in UTF-8. Text of class
# "json" is JSON already and is returned unchanged. It stops if `value` cannot be encoded.
encode_result <- function(value) {
  if (inherits(value, "json")) {
    return(enc2utf8(paste(as.character(value), collapse = "")))
  }
  json <- encode_value(value)
  if (validUTF8(json)) json else replace_surrogates(json)
}

# encode_value() returns the bytes of to_json(), which may not be valid UTF-8. It stops for strings
# that are marked as bytes: they have no encoding.
encode_value <- function(value) {
  json <- if (settings$lambdr_compat) encode_other(value) else encode_one(value)
  if (Encoding(json) == "bytes") {
    stop_unencodable("a string that is marked as bytes")
  }
  enc2utf8(json)
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
      `NULL` = "null",
      encode_other(x)
    ),
    frame = encode_frame(x),
    unknown = encode_other(x),
    encode_one(plain_nodes(list(x), kind)[[1L]])
  )
}

# encode_vector() returns the JSON of a logical, integer, double or character vector.
encode_vector <- function(x) {
  text <- encode_atoms(x)
  if (length(text) == 1L) text else json_helpers()$array(text)
}

# encode_list() returns the JSON of a list without a class.
encode_list <- function(x) {
  labels <- names(x)
  if (odd_names(labels)) {
    return(encode_other(x))
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
  for (kind in setdiff_strings(unique(kinds), c("", "names"))) {
    i <- which(kinds == kind)
    if (kind == "frame") {
      out[i] <- vapply(nodes[i], encode_frame, character(1))
      types[i] <- "done"
    } else if (kind == "unknown") {
      out[i] <- vapply(nodes[i], encode_other, character(1))
      types[i] <- "done"
    } else {
      nodes[i] <- plain_nodes(nodes[i], kind)
      types[i] <- vapply(nodes[i], typeof, character(1))
    }
  }
  for (type in unique(types)) {
    i <- which(types == type)
    out[i] <- switch(type,
      logical = , integer = , double = , character = encode_vectors(nodes[i]),
      list = encode_lists(nodes[i]),
      `NULL` = "null",
      done = out[i],
      vapply(nodes[i], encode_other, character(1))
    )
  }
  out
}

# encode_vectors() returns the JSON of each element of `vectors`, a list of vectors of one type.
# Vectors of length one are scalars.
encode_vectors <- function(vectors) {
  if (length(vectors) == 1L) {
    return(encode_vector(vectors[[1L]]))
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
  if (any(odd)) {
    out <- character(length(lists))
    out[odd] <- vapply(lists[odd], encode_other, character(1))
    if (!all(odd)) {
      out[!odd] <- encode_lists(lists[!odd])
    }
    return(out)
  }
  sizes <- lengths(lists)
  shapes <- if (alike) sizes else vapply(seq_along(lists), function(i) list_shape(labels[[i]], sizes[[i]]), character(1))
  children <- encode_nodes(unlist(lists, recursive = FALSE, use.names = FALSE))
  join(children, sizes, shapes, labels)
}

# odd_names() returns TRUE if jsonlite would change the names before it makes keys of them.
odd_names <- function(labels) {
  anyDuplicated(labels) > 0L || anyNA(labels) || any(labels == "")
}

# list_shape() returns the same text for lists with the same names, and for lists of the same size
# without names.
list_shape <- function(labels, size) {
  if (is.null(labels)) sprintf("%d", size) else json_helpers()$array(encode_keys(labels))
}

# encode_frame() returns the JSON of a data frame: an array of its rows.
encode_frame <- function(frame) {
  rows <- attr(frame, "row.names")
  labels <- names(frame)
  columns <- lapply(unclass(frame), frame_column)
  sizes <- lengths(columns)
  # jsonlite makes a column of row names that are not numbers.
  if (is.character(rows) || !length(columns) || length(labels) != length(columns) || odd_names(labels) ||
    any(vapply(columns, is.null, logical(1))) || !all(sizes == length(rows))) {
    return(encode_other(frame))
  }
  if (!length(rows)) {
    return("[]")
  }
  text <- lapply(columns, function(x) if (is.list(x)) encode_nodes(unname(x)) else encode_atoms(x))
  json_helpers()$array(join_columns(text, labels))
}

# frame_column() returns a column as a vector without a class, or NULL if jsonlite must encode it.
frame_column <- function(x) {
  kind <- if (is.null(attributes(x))) "names" else attribute_kind(attributes(x))
  x <- switch(kind, frame = , unknown = NULL, names = x, plain_vector(x, kind))
  if (typeof(x) %in% c("logical", "integer", "double", "character", "list")) x
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

# attribute_kind() classifies a value by its attributes: "names" if it has only names, "frame", one
# of the classes that plain_vector() handles, or "unknown".
attribute_kind <- function(attributes) {
  labels <- names(attributes)
  if (identical(labels, "names")) {
    return("names")
  }
  kind <- paste(attributes[["class"]], collapse = " ")
  if (kind %in% c("data.frame", "tbl_df tbl data.frame", "data.table data.frame")) {
    "frame"
  } else if (kind %in% c("factor", "ordered factor", "Date", "POSIXct POSIXt", "AsIs") &&
    all(labels %in% c("class", "names", "levels", "tzone")) || kind == "POSIXlt POSIXt") {
    kind
  } else {
    "unknown"
  }
}

# plain_vector() returns a vector of one of these classes as the plain vector that jsonlite encodes.
plain_vector <- function(x, kind) {
  switch(kind,
    Date = finite_text(x, format(x)),
    `POSIXct POSIXt` = finite_text(x, format(x, format = "%Y-%m-%dT%H:%M:%SZ", tz = "UTC")),
    `POSIXlt POSIXt` = plain_vector(as.POSIXct(x), "POSIXct POSIXt"),
    AsIs = unclass(x),
    as.character(x)
  )
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

# encode_other() lets jsonlite encode a value.
encode_other <- function(x) {
  check_encodable(x)
  if (!settings$lambdr_compat) {
    x <- with_instants(x)
  }
  json <- tryCatch(to_json(x), error = function(e) {
    why <- condition_text(e)
    stop_unencodable(describe(x), if (!startsWith(why, "No method")) why)
  })
  if (length(json) != 1L) {
    stop_unencodable(describe(x))
  }
  as.vector(unclass(json))
}

# with_instants() turns every POSIXlt in `x` into a POSIXct. jsonlite would read a POSIXlt's clock
# as UTC, whatever its time zone is.
with_instants <- function(x) {
  if (inherits(x, "POSIXlt")) {
    boxed <- inherits(x, "AsIs")
    class(x) <- c("POSIXlt", "POSIXt")
    return(if (boxed) I(as.POSIXct(x)) else as.POSIXct(x))
  }
  if (is.list(x) && (!is.object(x) || inherits(x, c("data.frame", "AsIs")))) {
    attrs <- attributes(x)
    x <- lapply(unclass(x), with_instants)
    attributes(x) <- attrs
  }
  x
}
