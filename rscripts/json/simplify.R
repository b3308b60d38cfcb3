# Simplifying: parsed JSON becomes vectors, matrices and data frames, as jsonlite makes them, but
# * text stays text: "NA" and "Inf" are strings; "$date" and "_row" are keys like any other,
# * a number in an array with text becomes the text that it has in JSON,
# * the time is linear in the size of the text, or the event is refused.

# Bounds on an event that is to be simplified.
max_lists <- 5e5 # arrays, about 5 us each; objects, columns, data frames and matrices count more
max_depth <- 500L # levels; R itself stops at a few hundred more

# max_cells() returns how many cells the data frames made of a text may have. A data frame has a
# cell for each row and each key of any row, so that a few KB of objects without a common key can
# become gigabytes. A cell that is in the text takes six bytes or more.
max_cells <- function(text) 1e6 + 2 * nchar(text, "bytes")

# simplify() returns parsed JSON `x` with vectors, matrices and data frames. `cells` bounds the
# cells of all data frames.
simplify <- function(x, cells = Inf) {
  if (!is.list(x)) {
    return(x)
  }
  work <- new.env(parent = emptyenv())
  work$lists <- work$cells <- 0
  work$max_cells <- cells
  simplify_list(x, work, 1L, FALSE)
}

# count_work() adds to the work done, and stops if it exceeds a bound.
count_work <- function(work, lists, cells) {
  work$lists <- work$lists + lists
  work$cells <- work$cells + cells
  if (work$lists > max_lists || work$cells > work$max_cells) {
    refuse_structure("has arrays that are too irregular, or too many, to make vectors and data frames of")
  }
}

refuse_structure <- function(why) {
  problem <- paste("the event", why)
  fail(
    "Runtime.UnmarshalError", problem, "; lambda_config(simplify = FALSE) or LAMBDA_R_SIMPLIFY=false leaves them lists",
    public = problem
  )
}

# simplify_list() simplifies an array or object of level `depth`. The column of a data frame is an
# array, too, but does not become a matrix.
#
# It calls itself in a loop: lapply() would halve the depth that R's stack allows.
simplify_list <- function(x, work, depth, is_column) {
  if (!length(x)) {
    return(x)
  }
  is_array <- is.null(names(x))
  if (is_array) {
    flat <- unlist(x, recursive = FALSE, use.names = FALSE)
    if (!is.list(flat)) {
      return(as_vector(x, flat))
    }
  }
  is_list <- vapply(x, is.list, logical(1), USE.NAMES = FALSE)
  if (depth > max_depth) {
    refuse_structure("is nested too deeply for R to make vectors and data frames of")
  }
  if (is_array && are_records(x, is_list)) {
    return(as_data_frame(x, work, depth))
  }
  count_work(work, sum(is_list) + if (is_array) 4 else 1, 0)
  for (i in which(is_list)) {
    x[[i]] <- simplify_list(x[[i]], work, depth + 1L, FALSE)
  }
  if (is_array) as_matrix(x, is_list, is_column) else x
}

# as_vector() makes a vector of `x`, an array of scalars and nulls. `flat` has those that are not
# null.
as_vector <- function(x, flat) {
  if (length(flat) < length(x)) {
    x[lengths(x) == 0L] <- NA
    flat <- unlist(x, recursive = FALSE, use.names = FALSE)
  }
  if (is.character(flat)) with_number_text(flat, x) else flat
}

# with_number_text() gives the numbers of `vectors` in `flat`, all their elements as text, the text
# that they have in JSON. R makes "1e+05" of 100000.
with_number_text <- function(flat, vectors) {
  is_number <- vapply(vectors, is.numeric, logical(1), USE.NAMES = FALSE)
  if (any(is_number)) {
    numbers <- unlist(vectors[is_number], recursive = FALSE, use.names = FALSE)
    text <- encode_atoms(numbers)
    text[is.na(numbers)] <- NA
    flat[rep.int(is_number, lengths(vectors))] <- text
  }
  flat
}

# are_records() returns TRUE for an array of objects and nulls: the rows of a data frame.
are_records <- function(x, is_list) {
  any(is_list) && (all(is_list) || all(lengths(x[!is_list]) == 0L)) && !any(are_null(lapply(x[is_list], names)))
}

# as_data_frame() makes a data frame of records.
as_data_frame <- function(records, work, depth) {
  rows <- length(records)
  labels <- lapply(records, names)
  keys <- unlist(labels, use.names = FALSE)
  columns <- as.character(unique(keys))
  size <- length(columns)
  count_work(work, 5 + 2 * size, as.numeric(rows) * size)
  values <- unlist(records, recursive = FALSE, use.names = FALSE)
  cells <- vector("list", size)
  if (size && length(keys) == rows * size && all(vapply(labels, identical, logical(1), columns))) {
    for (j in seq_len(size)) {
      cells[[j]] <- values[seq.int(j, by = size, length.out = rows)]
    }
  } else {
    column <- match(keys, columns)
    row <- rep.int(seq_len(rows), lengths(records))
    first <- which(!duplicated(as.numeric(row) * size + column)) # of a key that an object repeats
    by_column <- split(first, factor(column[first], seq_len(size)))
    for (j in seq_len(size)) {
      cell <- vector("list", rows)
      cell[row[by_column[[j]]]] <- values[by_column[[j]]]
      cells[[j]] <- cell
    }
  }
  for (j in seq_len(size)) {
    cells[[j]] <- simplify_list(cells[[j]], work, depth + 1L, TRUE)
  }
  structure(cells, names = columns, class = "data.frame", row.names = .set_row_names(rows))
}

# as_matrix() makes a matrix of an array of vectors of the same length, and an array of more
# dimensions of such matrices. In other arrays of vectors or of data frames, empty arrays become
# empty vectors or data frames. The elements of `x` are simplified; those that were arrays or
# objects before are in `was_list`.
as_matrix <- function(x, was_list, is_column) {
  is_vector <- vapply(x, is.atomic, logical(1))
  sizes <- lengths(x)
  if (!is_column && all(is_vector & was_list & sizes == sizes[[1L]])) {
    inner <- dim(x[[1L]])
    if (all(vapply(lapply(x, dim), identical, logical(1), inner))) {
      flat <- unlist(x, recursive = FALSE, use.names = FALSE)
      rows <- matrix(if (is.character(flat)) with_number_text(flat, x) else flat, nrow = length(x), byrow = TRUE)
      return(if (is.null(inner)) rows else array(rows, c(length(x), inner)))
    }
  }
  is_empty <- was_list & sizes == 0L
  is_empty[is_empty] <- are_null(lapply(x[is_empty], attributes))
  if (any(is_empty) && !all(is_empty)) {
    others <- x[!is_empty]
    if (all(vapply(others, is.data.frame, logical(1)))) {
      x[is_empty] <- list(data.frame())
    } else if (all(is_vector[!is_empty] & sizes[!is_empty] > 0L & are_null(lapply(others, dim)))) {
      x[is_empty] <- list(vector(typeof(others[[1L]]), 0L))
    }
  }
  x
}

are_null <- function(x) vapply(x, is.null, logical(1), USE.NAMES = FALSE)
