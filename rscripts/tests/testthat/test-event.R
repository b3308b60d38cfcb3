local_edition(3)

test_that("JSON that is nested too deeply has an error of its own", {
  for (n in c(3000L, 100000L)) {
    text <- paste0(strrep("[", n), strrep("]", n))
    expect_failure_type(read_event(text), "Runtime.UnmarshalError", "the event is nested too deeply for R")
  }
})

test_that("read_event() keeps the bytes, and says what the value is", {
  event <- read_event("{\"a\":[1,2]}")
  expect_identical(event[c("bytes", "is_object", "simplified", "source")],
    list(bytes = charToRaw("{\"a\":[1,2]}"), is_object = TRUE, simplified = TRUE, source = "direct"))
  expect_identical(event$value, list(a = 1:2))
  expect_false(read_event("[1]")$is_object)
  expect_null(read_event("")$value)
  expect_null(read_event(" \n")$value)
})

given <- function(value, simplified = TRUE, ...) serialize(list(simplified = simplified, value = value, ...), NULL)

read_given <- function(decoded, fn = function(event) NULL, text = "{\"a\":[1]}") {
  runtime$read_event(charToRaw(text), runtime$new_handler(fn, "handler"), decoded)
}

test_that("an event that bootstrap has decoded is not decoded again", {
  event <- read_given(given(list(a = 2L)))
  expect_identical(event[c("value", "is_object", "simplified", "source")],
    list(value = list(a = 2L), is_object = TRUE, simplified = TRUE, source = "direct"))
  expect_identical(event$bytes, charToRaw("{\"a\":[1]}"))
  expect_false(read_given(given(data.frame(a = 1)))$is_object)
  expect_false(read_given(given(1:2))$is_object)
})

test_that("it is decoded again if it is needed in another form", {
  keep_settings()
  expect_identical(read_given(given(list(a = 2L), simplified = FALSE))$value, list(a = 1L))
  runtime$lambda_config(simplify = FALSE)
  expect_identical(read_given(given(list(a = 2L)))$value, list(a = list(1L)))
  expect_identical(read_given(given(list(a = list(2L)), simplified = FALSE))$value, list(a = list(2L)))
  runtime$lambda_config(deserialiser = function(text) text)
  expect_identical(read_given(given(list(a = 2L)))$value, "{\"a\":[1]}")
})

test_that("decoded integers become doubles if the function asks for them", {
  keep_settings()
  runtime$lambda_config(integers = "double")
  expect_identical(read_given(given(list(a = 2L, b = data.frame(c = 1L))))$value, list(a = 2, b = data.frame(c = 1)))
})

test_that("decoded_arrays() says what bootstrap may decode", {
  keep_settings()
  handler <- runtime$new_handler(function(x) NULL, "f")
  expect_identical(runtime$decoded_arrays(handler), "simplified")
  expect_identical(runtime$decoded_arrays(runtime$new_handler(runtime$batch_handler(function(record) NULL), "f")), "lists")
  runtime$lambda_config(simplify = FALSE)
  expect_identical(runtime$decoded_arrays(handler), "lists")
  runtime$lambda_config(deserialiser = function(text) text)
  expect_identical(runtime$decoded_arrays(handler), "")
})

test_that("takes_bodies() is FALSE for handlers that get the whole event", {
  takes_bodies <- function(fn, ...) runtime$takes_bodies(runtime$new_handler(fn, "f", ...))
  expect_true(takes_bodies(function(x) NULL))
  expect_true(takes_bodies(function(...) NULL))
  expect_false(takes_bodies(function(event, x = 1) NULL))
  expect_false(takes_bodies(function(event) NULL, "plumber"))
  expect_false(takes_bodies(runtime$batch_handler(function(record) NULL)))
  keep_settings()
  runtime$settings$lambdr_arguments <- TRUE
  expect_true(takes_bodies(function(event) NULL))
})

test_that("bytes that are not JSON in UTF-8 are refused", {
  refused <- function(bytes, ...) {
    handler <- runtime$new_handler(function(x) NULL, "f")
    expect_failure_type(runtime$read_event(bytes, handler), "Runtime.UnmarshalError", ...)
  }
  refused(charToRaw("{\"a\":"), "the event is not valid JSON")
  refused(charToRaw("/etc/passwd"), "the event is not valid JSON")
  refused(as.raw(c(0x22, 0xff, 0x22)), "UTF-8")
  refused(as.raw(c(0x22, 0x00, 0x22)), "NUL")
  refused(charToRaw("\"\\u0000\""), "the character \\u0000")
})

test_that("has_nul() is not fooled by a backslash before the backslash", {
  expect_true(runtime$has_nul("\"\\u0000\""))
  expect_true(runtime$has_nul("\"\\\\\\u0000\""))
  expect_false(runtime$has_nul("\"\\\\u0000\""))
  expect_false(runtime$has_nul("\"u0000\""))
})
