# Unencodable: values that have no JSON, and where they are in a result.

# stop_unencodable() stops with a message that names `what`, for example "a function", and `why`.
stop_unencodable <- function(what, why = NULL) {
  stop("cannot encode ", what, " as JSON", if (!is.null(why)) ": ", why, call. = FALSE)
}

# is_without_json() returns TRUE for types that JSON has nothing for, and for errors that a handler
# caught. (jsonlite would send a function's source.)
is_without_json <- function(x) {
  is.function(x) || inherits(x, c("try-error", "condition")) ||
    typeof(x) %in% c("complex", "language", "symbol", "expression", "environment", "externalptr", "weakref", "bytecode")
}

# caught_message() returns the message of an error that a handler caught, or NULL.
caught_message <- function(x) {
  if (inherits(x, "try-error")) {
    condition <- attr(x, "condition")
    x <- if (is.null(condition)) simpleError(sub("\n$", "", as.character(unclass(x)))) else condition
  }
  if (inherits(x, "condition")) condition_text(x)
}

# check_encodable() stops if `x` is or contains a value without JSON. Other objects are left to
# jsonlite, for which users may define methods.
check_encodable <- function(x) {
  if (is_without_json(x) && !has_json_method(x)) {
    stop_unencodable(describe(x), caught_message(x))
  }
  if (is.list(x) && (!is.object(x) || inherits(x, c("data.frame", "AsIs")))) {
    lapply(unclass(x), check_encodable)
  }
  invisible()
}

# has_json_method() returns TRUE if jsonlite has a method for a class of `x` that is not one of
# those encoded here. It looks for exact classes, because jsonlite's own search would remove
# classes from an object with reference semantics.
has_json_method <- function(x) {
  if (!is.object(x)) {
    return(FALSE)
  }
  classes <- setdiff_strings(if (isS4(x)) methods::is(x) else class(x), encoded_classes)
  generic <- methods::getGeneric("asJSON", where = asNamespace("jsonlite"))
  for (class in classes) {
    if (!is.null(methods::selectMethod(generic, class, optional = TRUE, useInherited = FALSE))) {
      return(TRUE)
    }
  }
  FALSE
}

# encoded_classes are those of jsonlite's own methods that are not needed.
encoded_classes <- c(
  "ANY", "AsIs", "Date", "POSIXt", "array", "blob", "character", "complex", "data.frame", "factor", "function", "hms",
  "integer64", "ITime", "json", "list", "logical", "matrix", "numeric", "pairlist", "raw", "scalar", "ts", "vctrs_vctr"
)

# describe() describes `x` for a message, for example "an object of class lm".
describe <- function(x) {
  if (is.function(x)) {
    return("a function")
  }
  if (is.object(x)) {
    return(paste("an object of class", class(x)[[1L]]))
  }
  switch(typeof(x),
    complex = "a complex number",
    environment = "an environment",
    externalptr = "an external pointer",
    language = , symbol = , expression = "an R expression",
    paste0("a value of type ", typeof(x))
  )
}

# unencodable_elements() returns a line for each element of `value` that cannot be encoded, with its
# path and the reason, for example "result$fit[[2]]: cannot encode an object of class lm as JSON".
# It stops after `limit` lines.
unencodable_elements <- function(value, path = "result", limit = 20L) {
  problem <- tryCatch({ encode_result(value); NULL }, error = condition_text)
  if (is.null(problem)) {
    return(character())
  }
  lines <- character()
  has_elements <- is.list(value) && (!is.object(value) || inherits(value, c("data.frame", "AsIs")))
  for (i in if (has_elements) seq_along(value) else invalid_strings(value)) {
    step <- paste0(path, path_step(names(value), i))
    lines <- c(lines, unencodable_elements(.subset2(value, i), step, limit - length(lines)))
    if (length(lines) >= limit) {
      break
    }
  }
  if (length(lines)) lines else paste0(path, ": ", problem)
}

# invalid_strings() returns the indices of the strings in a vector that are not UTF-8.
invalid_strings <- function(x) {
  if (is.character(x) && length(x) > 1L) which(Encoding(x) == "bytes" | !validUTF8(enc2utf8(x)))
}

# path_step() returns what leads to element `i` of a vector with these names: "$name" or "[[2]]".
path_step <- function(labels, i) {
  label <- if (length(labels)) labels[[i]] else ""
  if (label %in% c("", NA)) paste0("[[", i, "]]") else paste0("$", label)
}

# named_element() returns the path to the first vector or matrix in `value` whose names are not
# kept.
named_element <- function(value, path = "result") {
  if (is.list(value) && (!is.object(value) || inherits(value, c("data.frame", "AsIs")))) {
    for (i in seq_along(value)) {
      if (!is.data.frame(value) || is.list(.subset2(value, i))) {
        found <- named_element(.subset2(value, i), paste0(path, path_step(names(value), i)))
        if (!is.null(found)) {
          return(found)
        }
      }
    }
  } else if (!is.object(value) && is.atomic(value) && !(is.null(names(value)) && is.null(dimnames(value)))) {
    return(path)
  }
  NULL
}
