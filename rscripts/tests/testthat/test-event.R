local_edition(3)

test_that("JSON that is nested too deeply has an error of its own", {
  for (n in c(3000L, 100000L)) {
    text <- paste0(strrep("[", n), strrep("]", n))
    expect_failure_type(read_event(text), "Runtime.UnmarshalError", "the event is nested too deeply for R")
  }
})

test_that("read_event() keeps the text, and says what the value is", {
  event <- read_event("{\"a\":[1,2]}")
  expect_identical(event[c("text", "is_object", "simplified", "source")],
    list(text = "{\"a\":[1,2]}", is_object = TRUE, simplified = TRUE, source = "direct"))
  expect_identical(event$value, list(a = 1:2))
  expect_false(read_event("[1]")$is_object)
  expect_null(read_event("")$value)
  expect_null(read_event(" \n")$value)
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
