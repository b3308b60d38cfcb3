local_edition(3)

text_of <- function(event, ...) runtime$event_to_json(event, "invoke", ...)

test_that("values become JSON, and JSON text stays", {
  expect_identical(text_of(list(n = 1, s = c("a", "b"))), "{\"n\":1,\"s\":[\"a\",\"b\"]}")
  expect_identical(text_of(data.frame(a = 1:2)), "[{\"a\":1},{\"a\":2}]")
  expect_identical(text_of(data.frame()), "[]")
  expect_identical(text_of(list()), "{}")
  expect_identical(text_of(NULL), "null")
  expect_identical(text_of(5L), "5")
  expect_identical(text_of(factor("a")), "\"a\"")
  expect_identical(text_of(jsonlite::toJSON(list(a = 1))), "{\"a\":[1]}")
  expect_identical(text_of("{\"a\":"), "{\"a\":")
  latin1 <- "\"\xe9\""
  Encoding(latin1) <- "latin1"
  expect_identical(charToRaw(text_of(latin1)), as.raw(c(0x22, 0xc3, 0xa9, 0x22)))
})

test_that("the path of a file stands for its text", {
  in_user_dir()
  writeLines("{\"a\": \"\u00e9\"}", "e.json", useBytes = TRUE)
  expect_identical(text_of("e.json"), "{\"a\": \"\u00e9\"}\n")
  expect_error(text_of("E2.json"), paste0("invoke(): there is no file \"E2.json\" in ", getwd()), fixed = TRUE)
  expect_identical(text_of("."), ".") # a folder
  writeBin(as.raw(c(0x22, 0xff, 0x22)), "latin1.json")
  expect_error(text_of("latin1.json"), "\"latin1.json\": it is not valid UTF-8", fixed = TRUE)
  writeBin(as.raw(c(0x22, 0x00, 0x22)), "nul.json")
  expect_error(text_of("nul.json"), "\"nul.json\": it contains a NUL byte", fixed = TRUE)
  expect_identical(text_of(strrep("9", 10000L)), strrep("9", 10000L)) # longer than any path
})

test_that("a value that cannot be an event is an error", {
  for (event in list(c("1", "2"), NA_character_, character())) {
    expect_error(text_of(event), "invoke(): event must be a list, the path of a file, or one string of JSON", fixed = TRUE)
  }
  expect_error(text_of(list(x = sum)), "invoke(): the event cannot be encoded as JSON: event$x: cannot encode a function", fixed = TRUE)
  expect_error(text_of(sum, what = "identity"), "invoke(): the identity cannot be encoded as JSON: identity: cannot encode", fixed = TRUE)
})
