# Strings and lists, for decoding events and for error texts.

# is_string() is TRUE for a character vector of length one that is not NA.
is_string <- function(x) is.character(x) && length(x) == 1L && !is.na(x)

# first_string() returns the first of its arguments that is a string, or NULL.
first_string <- function(...) {
  for (x in list(...)) {
    if (is_string(x)) {
      return(x)
    }
  }
  NULL
}

# pluck() returns a member of nested JSON objects: pluck(event, "requestContext", "http").
# It returns NULL if one of them is missing or is not a list. ($ would match a part of a
# name, and [[ would fail on text.)
pluck <- function(x, ...) {
  for (name in c(...)) {
    x <- if (is.list(x)) x[[name]]
  }
  x
}

# setdiff_strings() returns the strings of `x` that are not in `y`. It is setdiff() without
# removing duplicates, in a fifth of the time.
setdiff_strings <- function(x, y) x[match(x, y, 0L) == 0L]

# quoted() returns strings in quotes, separated by commas, for an error text: at most ten,
# of at most 100 characters each.
quoted <- function(x) {
  shown <- encodeString(if (length(x) > 10L) x[1:10] else x, quote = "\"") # head() is slow
  long <- nchar(shown) > 102L
  shown[long] <- paste0(substr(shown[long], 1L, 101L), "...\"")
  paste(c(shown, if (length(x) > 10L) "..."), collapse = ", ")
}

# plural_s() returns the ending of a noun for the elements of `x`, plural_it() the pronoun.
plural_s <- function(x) if (length(x) == 1L) "" else "s"

plural_it <- function(x) if (length(x) == 1L) "it" else "them"
