# Atoms: vectors without attributes to the JSON of each of their elements.

# encode_atoms() returns the JSON of each element of a logical, integer, double or
# character vector, with the bytes of to_json().
encode_atoms <- function(x) {
  switch(typeof(x),
    `NULL` = character(), # unlist() of empty vectors
    character = encode_strings(x),
    logical = encode_logicals(x),
    double = encode_doubles(x),
    json_helpers()$numbers(x)
  )
}

# encode_doubles() formats many whole numbers as integers, in an eighth of the time.
encode_doubles <- function(x) {
  if (length(x) > 16L && all_whole(x[[1L]]) && all_whole(x)) {
    x <- as.integer(x)
  }
  json_helpers()$numbers(x)
}

# all_whole() is TRUE for doubles that are integers of R. The zero that is negative is none:
# it is -0.
all_whole <- function(x) {
  isTRUE(all(x == trunc(x) & abs(x) < 2147483648 & (x != 0 | 1 / x > 0)))
}

encode_logicals <- function(x) {
  text <- c("false", "true")[x + 1L]
  if (anyNA(x)) {
    text[is.na(x)] <- "null"
  }
  text
}

encode_strings <- function(x) {
  text <- json_helpers()$strings(enc2utf8(x))
  if (anyNA(x)) {
    text[is.na(x)] <- "null"
  }
  text
}

# json_helpers() returns functions that make JSON of vectors: `strings` and `numbers` of
# each element, `array` and `object` (of quoted keys and of values) one text. They are C
# of jsonlite, which is fast and by construction gives its bytes, but is its own
# business: it may be another one in another version. So at the first use each is tried
# with a value whose JSON is known, and base R does the work of one that is not there
# or differs.
json_helpers <- function() {
  if (is.null(helpers$found)) {
    helpers$found <- find_helpers(asNamespace("jsonlite"))
  }
  helpers$found
}

helpers <- new.env(parent = emptyenv())

# find_helpers() makes them of `namespace`, an environment.
find_helpers <- function(namespace) {
  escape <- namespace$C_escape_chars
  format <- namespace$R_num_to_char
  array <- namespace$C_collapse_array
  object <- namespace$C_collapse_object
  list(
    strings = tried(
      function(x) .Call(escape, x), base_strings,
      list(c("a", "\"\\\n\u00e9</")), c("\"a\"", "\"\\\"\\\\\\n\u00e9<\\/\"")
    ),
    numbers = tried(
      function(x) .Call(format, x, NA_integer_, FALSE, FALSE, FALSE), base_numbers,
      list(c(pi, -1e5, 1e20, NA)), c("3.14159265358979", "-100000", "1e+20", "null")
    ),
    array = tried(function(x) .Call(array, x), base_array, list(c("1", "2")), "[1,2]"),
    object = tried(
      function(keys, values) .Call(object, keys, values), base_object,
      list(c("\"a\"", "\"b\""), c("1", "2")), "{\"a\":1,\"b\":2}"
    )
  )
}

# tried() returns `f` if it gives `want` for the arguments `args`, else `instead`.
tried <- function(f, instead, args, want) {
  if (identical(tryCatch(do.call(f, args), error = function(e) NULL), want)) f else instead
}

base_strings <- function(x) {
  as.character(unclass(jsonlite::toJSON(x, collapse = FALSE)))
}

# sprintf(), because paste() would obey the user's options(OutDec, scipen).
base_numbers <- function(x) {
  text <- sprintf(if (is.integer(x)) "%d" else "%.15g", x)
  text[!is.finite(x)] <- "null"
  text
}

base_array <- function(x) {
  paste0("[", paste(x, collapse = ","), "]")
}

base_object <- function(keys, values) {
  paste0("{", paste(keys, values, sep = ":", collapse = ","), "}")
}
