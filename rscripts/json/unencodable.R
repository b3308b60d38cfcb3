# Unencodable: values that have no JSON, and where they are in a result.

# stop_unencodable() stops with a message that names `what`, for example "a function", and `why`.
stop_unencodable <- function(what, why = NULL) {
  stop("cannot encode ", what, " as JSON", if (!is.null(why)) ": ", why, call. = FALSE)
}

# check_encodable() stops if `x` is or contains a value without JSON. (jsonlite would send a
# function's source.) Other objects are left to jsonlite, for which users may define methods.
check_encodable <- function(x) {
  if (is.function(x) || typeof(x) %in% c("complex", "language", "symbol", "expression") ||
    typeof(x) %in% c("environment", "externalptr", "weakref", "bytecode") && !has_method(x)) {
    stop_unencodable(describe(x))
  }
  if (is.list(x) && (!is.object(x) || inherits(x, c("data.frame", "AsIs")))) {
    lapply(unclass(x), check_encodable)
  }
  invisible()
}

# has_method() returns TRUE if jsonlite has a method for an object with reference semantics, an
# environment for example. jsonlite's own search would remove classes from the user's object.
has_method <- function(x) {
  if (!is.object(x)) {
    return(FALSE)
  }
  generic <- methods::getGeneric("asJSON", where = asNamespace("jsonlite"))
  known <- lapply(if (isS4(x)) methods::is(x) else class(x), function(class) {
    methods::selectMethod(generic, class, optional = TRUE, useInherited = FALSE)
  })
  !all(vapply(known, is.null, logical(1)))
}

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

# find_unencodable() returns the path to the innermost element of `value` that cannot be encoded,
# for example result$fit[[2]].
find_unencodable <- function(value, path = "result") {
  if (!is.list(value) || is.object(value) && !is.data.frame(value)) {
    return(path)
  }
  labels <- names(value)
  for (i in seq_along(value)) {
    element <- .subset2(value, i)
    if (!is.null(tryCatch({ encode_value(element); NULL }, error = identity))) {
      step <- if (length(labels) && nzchar(labels[[i]])) paste0("$", labels[[i]]) else paste0("[[", i, "]]")
      return(find_unencodable(element, paste0(path, step)))
    }
  }
  path
}
