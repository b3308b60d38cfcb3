# Joining: the JSON of elements to that of arrays and objects.

# join() returns the JSON of containers. `children` is that of all their elements,
# container by container, `sizes` how many each has. Those of the same `shapes` have the
# same size, and the same names, if `labels`, a list, has names for them: they are objects.
join <- function(children, sizes, shapes, labels = NULL) {
  out <- character(length(sizes))
  starts <- cumsum(as.numeric(sizes)) - sizes
  groups <- if (length(unique(shapes)) == 1L) list(seq_along(sizes)) else split(seq_along(sizes), shapes)
  for (group in groups) {
    size <- sizes[[group[[1L]]]]
    keys <- labels[[group[[1L]]]]
    out[group] <- if (length(group) < size) {
      vapply(starts[group], function(start) join_one(children[start + seq_len(size)], keys), "")
    } else {
      join_columns(lapply(seq_len(size), function(k) children[starts[group] + k]), keys)
    }
  }
  out
}

# join_one() returns the JSON of one array, or object if `keys` are not NULL.
join_one <- function(children, keys) {
  if (is.null(keys)) json_helpers()$array(children) else json_helpers()$object(encode_keys(keys), children)
}

# join_columns() returns the JSON of arrays or objects that are the rows of a table:
# `columns` is a list of the first elements of all, the second ones and so on.
join_columns <- function(columns, keys) {
  if (!length(columns)) {
    return(join_one(character(), keys))
  }
  before <- c(if (is.null(keys)) "[" else "{", rep(",", length(columns) - 1L))
  if (!is.null(keys)) {
    before <- paste0(before, encode_keys(keys), ":")
  }
  do.call(paste0, c(rbind(as.list(before), columns), if (is.null(keys)) "]" else "}"))
}

# encode_keys() quotes names. jsonlite leaves them in their own encoding until it joins them,
# and in some locales paste0() would not translate them to UTF-8.
encode_keys <- function(labels) enc2utf8(json_helpers()$strings(labels))
