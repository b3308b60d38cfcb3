# Atoms: vectors without a class become the JSON of each of their elements.

# encode_atoms() returns the JSON of each element of a logical, integer, double, character or raw
# vector.
encode_atoms <- function(x) {
  switch(typeof(x),
    `NULL` = character(), # unlist() of empty vectors
    character = encode_strings(x),
    logical = encode_logicals(x),
    double = encode_doubles(x),
    raw = vapply(x, function(byte) encode_strings(base64_text(byte)), character(1)),
    json_helpers()$numbers(x)
  )
}

# encode_doubles() writes 15 significant digits, and all digits of a whole number that a double
# holds exactly: up to 2^53. Long vectors of whole numbers are formatted as integers, which takes
# an eighth of the time.
encode_doubles <- function(x) {
  if (length(x) > 16L && all_whole(x[[1L]]) && all_whole(x)) {
    return(json_helpers()$numbers(as.integer(x)))
  }
  with_all_digits(json_helpers()$numbers(x), x)
}

# with_all_digits() replaces the text of large whole numbers in `text`, that of the doubles `x` with
# 15 digits.
with_all_digits <- function(text, x) {
  large <- abs(x) >= 1e15
  if (any(large, na.rm = TRUE)) {
    large <- which(large & abs(x) <= 2^53 & x == trunc(x))
    text[large] <- sprintf("%.0f", x[large])
  }
  text
}

# all_whole() returns TRUE if all doubles fit R's integers. Negative zero does not: it is
# written as -0.
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

# json_helpers() returns functions that make JSON of vectors. `strings` and `numbers` return the
# JSON of each element; `array` and `object` (of quoted keys and of values) return one string.
# `parse` returns the value of JSON, in which arrays are lists.
#
# They are jsonlite's own C functions: fast, and the same bytes by construction. They are private
# and may change with jsonlite's version. So each is tried once with a value whose JSON is known.
# If it is missing or returns anything else, a function in base R replaces it.
json_helpers <- function() {
  if (is.null(helpers$found)) {
    helpers$found <- find_helpers(asNamespace("jsonlite"))
  }
  helpers$found
}

helpers <- new.env(parent = emptyenv())

# find_helpers() finds the helpers in `namespace`, an environment.
find_helpers <- function(namespace) {
  escape <- namespace$C_escape_chars
  format <- namespace$R_num_to_char
  array <- namespace$C_collapse_array
  object <- namespace$C_collapse_object
  parse <- namespace$R_parse
  list(
    strings = first_correct(
      function(x) .Call(escape, x), base_strings,
      list(c("a", "\"\\\n\u00e9</")), c("\"a\"", "\"\\\"\\\\\\n\u00e9<\\/\"")
    ),
    numbers = first_correct(
      function(x) .Call(format, x, NA_integer_, FALSE, FALSE, FALSE), base_numbers,
      list(c(pi, -1e5, 1e20, NA)), c("3.14159265358979", "-100000", "1e+20", "null")
    ),
    array = first_correct(function(x) .Call(array, x), base_array, list(c("1", "2")), "[1,2]"),
    object = first_correct(
      function(keys, values) .Call(object, keys, values), base_object,
      list(c("\"a\"", "\"b\""), c("1", "2")), "{\"a\":1,\"b\":2}"
    ),
    parse = first_correct(
      function(text) .Call(parse, text, FALSE), base_parse,
      list("{\"a\":[1,null,\"\u00e9\"]}"), list(a = list(1L, NULL, "\u00e9"))
    )
  )
}

# first_correct() returns `f` if it returns `want` for the arguments `args`, else `fallback`.
first_correct <- function(f, fallback, args, want) {
  if (identical(tryCatch(do.call(f, args), error = function(e) NULL), want)) f else fallback
}

base_parse <- function(text) jsonlite::parse_json(text, simplifyVector = FALSE)

base_strings <- function(x) {
  as.character(unclass(jsonlite::toJSON(x, collapse = FALSE)))
}

# base_numbers() uses sprintf(), because paste() obeys the user's options(OutDec, scipen).
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
