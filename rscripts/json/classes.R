# Classes: what a value with a class or other attributes becomes in JSON. docs/handlers.md has the
# same as a table.

# plain_value() returns `x`, whose attributes encode_one() does not know, as a value that it knows.
# It stops if JSON has nothing for `x`.
#
# The first class counts that is in class_values, or for which as.character() or format() have a
# method: its text is the value. Other vectors are their elements, without the class.
plain_value <- function(x) {
  if (is.pairlist(x)) {
    return(as.list(x))
  }
  if (is_without_json(x)) {
    stop_unencodable(describe(x), caught_message(x))
  }
  classes <- if (isS4(x)) methods::is(x) else class(x)
  for (class in if (is.object(x)) classes) {
    if (!is.null(class_values[[class]])) {
      return(class_values[[class]](x))
    }
    if (class %in% base_classes) {
      return(without_class(x))
    }
    if (!any(classes %in% base_classes) || isS4(x)) {
      text <- method_text(x, class)
      if (!is.null(text)) {
        return(text)
      }
    }
  }
  if (isS4(x) && !".Data" %in% methods::slotNames(x) || is.object(x) && is.list(x)) {
    stop_unencodable(describe(x))
  }
  without_class(x)
}

# base_classes are those that mean the elements of a value, also behind a class of the user's.
base_classes <- c("logical", "integer", "numeric", "double", "character", "raw", "list", "matrix", "array")

# class_values has functions that return values of a class as values that encode_one() knows.
class_values <- list(
  data.frame = function(x) structure(x, class = "data.frame"),
  factor = function(x) named_like(as.character(x), x),
  Date = function(x) named_like(plain_vector(x, "Date"), x),
  POSIXct = function(x) named_like(plain_vector(x, "POSIXct POSIXt"), x),
  POSIXlt = function(x) plain_vector(x, "POSIXlt POSIXt"),
  difftime = function(x) named_like(with_unit(x, attr(x, "units")), x),
  noquote = function(x) without_class(x),
  numeric_version = function(x) as.character(x),
  integer64 = function(x) integer64_text(x),
  haven_labelled = function(x) without_class(x),
  vctrs_list_of = function(x) without_class(x),
  blob = function(x) without_class(x),
  simple.list = function(x) without_class(x),
  scalar = function(x) unboxed_value(x),
  # named values
  summaryDefault = function(x) {
    class(x) <- setdiff_strings(class(x), c("summaryDefault", "table"))
    as_object(x)
  },
  proc_time = function(x) as_object(unclass(x)),
  table = function(x) by_name(x),
  ftable = function(x) by_name(as.table(x)),
  by = function(x) by_name(x),
  # rows
  ts = function(x) time_rows(list(time = ts_times(x)), x),
  zoo = function(x) time_rows(list(index = zoo_index(x)), x),
  dist = function(x) as.matrix(x),
  Matrix = function(x) as.matrix(x)
)

# method_text() returns the text of the elements of `x`, if as.character() or format() have a method
# for `class`, or NULL.
method_text <- function(x, class) {
  for (generic in c("as.character", "format")) {
    if (has_own_method(generic, class)) {
      text <- call_generic(generic, x)
      if (is.character(text) && length(text) == length(x)) {
        missing <- suppressWarnings(call_generic("is.na", x))
        if (is.logical(missing) && length(missing) == length(text)) {
          text[missing] <- NA
        }
        return(named_like(if (generic == "format") trimws(text) else as.vector(text), x))
      }
    }
  }
  NULL
}

# call_generic() calls a generic of base R so that it finds the user's methods, which it would not
# find from the runtime's environment. It returns NULL if the method fails.
call_generic <- function(generic, x) {
  tryCatch(do.call(get(generic, baseenv()), list(x), quote = TRUE, envir = globalenv()), error = function(e) NULL)
}

has_own_method <- function(generic, class) {
  !is.null(utils::getS3method(generic, class, optional = TRUE, envir = globalenv())) ||
    methods::isGeneric(generic) && methods::existsMethod(generic, class)
}

# without_class() returns a value without attributes, except names and dimensions.
without_class <- function(x) {
  attrs <- attributes(x)
  if (isS4(x)) {
    x <- x@.Data
  }
  attributes(x) <- attrs[intersect(names(attrs), c("names", "dim", "dimnames"))]
  x
}

# without_as_is() undoes I().
without_as_is <- function(x) {
  class(x) <- setdiff_strings(class(x), "AsIs")
  x
}

# named_like() gives a vector the names of `x`.
named_like <- function(vector, x) {
  names(vector) <- names(x)
  vector
}

# with_unit() returns the text of a difference in time, for example "2 hours".
with_unit <- function(x, unit) {
  text <- paste(encode_atoms(as.double(x)), unit)
  text[is.na(x)] <- NA
  text
}

# integer64_text() returns 64-bit integers of the bit64 package as JSON, with all digits.
integer64_text <- function(x) {
  if (!has_own_method("as.character", "integer64") && !requireNamespace("bit64", quietly = TRUE)) {
    stop_unencodable("64-bit integers", "the bit64 package is missing")
  }
  text <- call_generic("as.character", x)
  structure(ifelse(is.na(text), "null", text), class = "json")
}

# unboxed_value() undoes jsonlite::unbox(), which leaves a data frame of one row an object.
unboxed_value <- function(x) {
  class(x) <- setdiff_strings(class(x), "scalar")
  if (is.data.frame(x)) lapply(x, function(column) column[[1L]]) else x
}

# as_object() returns a list of the elements of a vector by name.
as_object <- function(x) {
  labels <- names(x)
  x <- as.list(x)
  names(x) <- if (is.null(labels)) character(length(x)) else labels
  x
}

# by_name() returns the elements of an array by the names of its dimensions: a list of lists. A
# dimension without names is an array.
by_name <- function(x) {
  x <- unclass(x)
  size <- dim(x)
  labels <- dimnames(x)[[1L]]
  labels[is.na(labels)] <- "NA"
  elements <- if (length(size) <= 1L) {
    as.list(as.vector(x))
  } else {
    lapply(seq_len(size[[1L]]), function(i) {
      by_name(array(x[slice.index(x, 1L) == i], size[-1L], dimnames(x)[-1L]))
    })
  }
  if (!is.null(labels) && any(nzchar(labels))) {
    names(elements) <- if (all(validUTF8(labels))) trimws(labels) else labels
  }
  if (!length(elements) && !is.null(labels)) structure(list(), names = character()) else elements
}

# time_rows() returns a data frame of a series: `times`, a list of one column, and its values.
time_rows <- function(times, x) {
  labels <- colnames(x)
  x <- without_class(x)
  columns <- if (is.matrix(x)) lapply(seq_len(ncol(x)), function(j) as.vector(x[, j])) else list(as.vector(x))
  names(columns) <- if (!is.null(labels)) labels else if (length(columns) == 1L) "value" else paste0("V", seq_along(columns))
  structure(c(times, columns), class = "data.frame", row.names = .set_row_names(length(times[[1L]])))
}

# ts_times() returns the times of a ts: "2024-02" for months, "2024-Q1" for quarters, and numbers
# for others.
ts_times <- function(x) {
  tsp <- attr(x, "tsp")
  per_year <- tsp[[3L]]
  n <- round((tsp[[2L]] - tsp[[1L]]) * per_year) + 1
  if (!per_year %in% c(4, 12)) {
    return(tsp[[1L]] + (seq_len(n) - 1) / per_year)
  }
  period <- round(tsp[[1L]] * per_year) + seq_len(n) - 1
  sprintf(if (per_year == 12) "%04d-%02d" else "%04d-Q%d", as.integer(period %/% per_year), as.integer(period %% per_year) + 1L)
}

# zoo_index() returns the index of a zoo or xts object. That of xts is in seconds, whatever its
# class.
zoo_index <- function(x) {
  index <- attr(x, "index")
  if ("Date" %in% attr(index, "tclass")) {
    return(as.Date(structure(as.double(index), class = c("POSIXct", "POSIXt")), tz = "UTC"))
  }
  if (!is.null(attr(index, "tclass"))) structure(as.double(index), class = c("POSIXct", "POSIXt")) else index
}
