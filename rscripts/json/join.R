# Joining: the JSON of elements becomes that of arrays and objects.

# join() returns the JSON of each of several containers.
#
# children: the JSON of all their elements, container by container.
# sizes: how many elements each container has.
# shapes: containers of the same shape have the same size and the same names.
# labels: a list with the names of each container that is an object.
join <- function(children, sizes, shapes, labels = NULL) {
  out <- character(length(sizes))
  starts <- cumsum(as.numeric(sizes)) - sizes
  groups <- if (length(unique(shapes)) == 1L) list(seq_along(sizes)) else split(seq_along(sizes), shapes)
  for (group in groups) {
    size <- sizes[[group[[1L]]]]
    keys <- labels[[group[[1L]]]]
    out[group] <- if (length(group) < size) {
      vapply(starts[group], function(start) join_one(children[start + seq_len(size)], keys), character(1))
    } else {
      join_columns(lapply(seq_len(size), function(k) children[starts[group] + k]), keys)
    }
  }
  out
}

# join_one() returns the JSON of one array, or of one object if `keys` is not NULL.
join_one <- function(children, keys) {
  if (is.null(keys)) json_helpers()$array(children) else json_helpers()$object(encode_keys(keys), children)
}

# join_columns() returns the JSON of containers of one shape. `columns` is a list: the first
# elements of all containers, the second ones and so on.
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

# encode_keys() quotes names. jsonlite leaves them in their own encoding until it joins them, and
# paste0() does not translate them to UTF-8 in some locales.
encode_keys <- function(labels) enc2utf8(json_helpers()$strings(labels))
