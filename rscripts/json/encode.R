# Encoding: a result to JSON with the bytes of to_json(), in a fraction of its time.
#
# jsonlite dispatches an S4 method for each element, some 50 us for one number. Here a
# whole level of the tree is encoded at once: all its numbers by one call, all its
# strings by another, and then the children of all its lists. What is not known here
# (most classes, matrices, odd names) goes to jsonlite, element by element.

# encode_result() returns the JSON of what a handler returned, as one string in UTF-8.
# Text of class "json" is JSON already and goes through as it is. It stops when `value`
# cannot be encoded.
encode_result <- function(value) {
  if (inherits(value, "json")) {
    return(enc2utf8(paste(as.character(value), collapse = "")))
  }
  json <- encode_value(value)
  if (validUTF8(json)) json else replace_surrogates(json)
}

# encode_value() returns the bytes of to_json(), which may be no UTF-8, and which stay
# "bytes" when a string is marked so: that is in no encoding.
encode_value <- function(value) {
  json <- if (settings$lambdr_compat) encode_other(value) else encode_one(value)
  if (Encoding(json) == "bytes") {
    stop_unencodable("a string that is marked as bytes")
  }
  enc2utf8(json)
}

# encode_one() returns the JSON of one value. For a few this is faster than to look for
# what can be encoded together.
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
  join_one(if (length(x) <= 12L) vapply(x, encode_one, "") else encode_nodes(x), labels)
}

# encode_nodes() returns the JSON of each element of `nodes`, a list without names.
encode_nodes <- function(nodes) {
  out <- character(length(nodes))
  types <- vapply(nodes, typeof, "")
  attrs <- lapply(nodes, attributes)
  kinds <- attribute_kinds(attrs)
  for (kind in not_in(unique(kinds), c("", "names"))) {
    i <- which(kinds == kind)
    if (kind == "frame") {
      out[i] <- vapply(nodes[i], encode_frame, "")
      types[i] <- "done"
    } else if (kind == "unknown") {
      out[i] <- vapply(nodes[i], encode_other, "")
      types[i] <- "done"
    } else {
      nodes[i] <- plain_nodes(nodes[i], kind)
      types[i] <- vapply(nodes[i], typeof, "")
    }
  }
  for (type in unique(types)) {
    i <- which(types == type)
    out[i] <- switch(type,
      logical = , integer = , double = , character = encode_vectors(nodes[i]),
      list = encode_lists(nodes[i]),
      `NULL` = "null",
      done = out[i],
      vapply(nodes[i], encode_other, "")
    )
  }
  out
}

# encode_vectors() returns the JSON of each element of `vectors`, a list of vectors of
# one type. Those of length one are scalars.
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
  odd <- if (alike) rep(odd_names(labels[[1L]]), length(lists)) else vapply(labels, odd_names, NA)
  if (any(odd)) {
    out <- character(length(lists))
    out[odd] <- vapply(lists[odd], encode_other, "")
    if (!all(odd)) {
      out[!odd] <- encode_lists(lists[!odd])
    }
    return(out)
  }
  sizes <- lengths(lists)
  shapes <- if (alike) sizes else vapply(seq_along(lists), function(i) list_shape(labels[[i]], sizes[[i]]), "")
  children <- encode_nodes(unlist(lists, recursive = FALSE, use.names = FALSE))
  join(children, sizes, shapes, labels)
}

# odd_names() is TRUE for names that are not the keys as they are: jsonlite makes others of
# them.
odd_names <- function(labels) {
  anyDuplicated(labels) > 0L || anyNA(labels) || any(labels == "")
}

# list_shape() is the same text for lists with the same names, and for lists of the same
# size without names.
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
    any(vapply(columns, is.null, NA)) || !all(sizes == length(rows))) {
    return(encode_other(frame))
  }
  if (!length(rows)) {
    return("[]")
  }
  text <- lapply(columns, function(x) if (is.list(x)) encode_nodes(unname(x)) else encode_atoms(x))
  json_helpers()$array(join_columns(text, labels))
}

# frame_column() returns a column as a vector without a class, or NULL when jsonlite must
# encode it.
frame_column <- function(x) {
  kind <- if (is.null(attributes(x))) "names" else attribute_kind(attributes(x))
  x <- switch(kind, frame = , unknown = NULL, names = x, plain_vector(x, kind))
  if (typeof(x) %in% c("logical", "integer", "double", "character", "list")) x
}

# attribute_kinds() is attribute_kind() for each of a list of attributes, and "" for none.
# Nearly always all are names, or there are a few that are the same.
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
      kinds[some[vapply(attrs, identical, NA, one)]] <- attribute_kind(one)
    }
  } else {
    kinds[some] <- vapply(attrs, attribute_kind, "")
  }
  kinds
}

# attribute_kind() tells what the attributes of a value make of it: "names" when they are
# names only, "frame", one of the classes that plain_vector() knows, or "unknown".
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

# plain_vector() returns a vector of one of these classes as jsonlite encodes it.
plain_vector <- function(x, kind) {
  switch(kind,
    Date = finite_text(x, format(x)),
    `POSIXct POSIXt` = finite_text(x, format(x, format = "%Y-%m-%dT%H:%M:%SZ", tz = "UTC")),
    `POSIXlt POSIXt` = plain_vector(as.POSIXct(x), "POSIXct POSIXt"),
    AsIs = unclass(x),
    as.character(x)
  )
}

# finite_text() is the text of dates, with NA for those that R shows as Inf.
finite_text <- function(x, text) {
  text[!is.finite(unclass(x))] <- NA
  text
}

# plain_nodes() returns plain_vector() of each element of `nodes`, a list of values of one
# kind, in which I(1) becomes list(1): both are [1]. Formatting a single date takes as long
# as a hundred, so that all which are alone are formatted at once.
plain_nodes <- function(nodes, kind) {
  sizes <- lengths(nodes)
  if (kind %in% c("Date", "POSIXct POSIXt") && all(sizes == 1L)) {
    dates <- structure(unlist(nodes, use.names = FALSE), class = strsplit(kind, " ")[[1L]])
    return(as.list(plain_vector(dates, kind)))
  }
  plain <- lapply(nodes, plain_vector, kind)
  boxed <- kind == "AsIs" & sizes == 1L & vapply(plain, is.atomic, NA)
  plain[boxed] <- lapply(plain[boxed], list)
  plain
}

# encode_other() returns the JSON of a value that is jsonlite's to encode.
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

# with_instants() is `x` with every POSIXlt in it made a POSIXct: jsonlite would take the
# clock of its time zone for that of UTC.
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
