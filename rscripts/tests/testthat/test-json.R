local_edition(3)

latin1 <- function(text) {
  Encoding(text) <- "latin1"
  text
}

test_that("bytes_to_text() accepts UTF-8 only", {
  expect_identical(runtime$bytes_to_text(charToRaw("na\u00efve")), "na\u00efve")
  expect_identical(Encoding(runtime$bytes_to_text(charToRaw("\u00ef"))), "UTF-8")
  expect_identical(runtime$bytes_to_text(raw()), "")
  expect_error(runtime$bytes_to_text(as.raw(c(0x31, 0, 0x32))), "NUL")
  expect_error(runtime$bytes_to_text(as.raw(c(0x22, 0xff, 0x22))), "UTF-8")
  # Half of a surrogate pair, and an overlong slash.
  expect_error(runtime$bytes_to_text(as.raw(c(0xed, 0xa0, 0x80))), "UTF-8")
  expect_error(runtime$bytes_to_text(as.raw(c(0xc0, 0xaf))), "UTF-8")
})

test_that("clean_text() makes one valid string of anything", {
  expect_identical(runtime$clean_text("na\u00efve"), "na\u00efve")
  expect_identical(runtime$clean_text(latin1("na\xefve")), "na\u00efve")
  expect_identical(runtime$clean_text("a\xffb"), "a<ff>b")
  expect_identical(runtime$clean_text(c("a", "b")), "a\nb")
  expect_identical(runtime$clean_text(character()), "")
  expect_identical(runtime$clean_text(NULL), "")
  expect_identical(runtime$clean_text(NA), "NA")
  expect_identical(runtime$clean_text(12), "12")
  bytes <- "a\xff"
  Encoding(bytes) <- "bytes"
  expect_true(validUTF8(runtime$clean_text(bytes)))
})

test_that("clean_text() cuts long text between characters and says so", {
  text <- strrep("\U1F600", 10L) # 40 bytes
  expect_identical(runtime$clean_text(text, 40L), text)
  cut <- runtime$clean_text(text, 39L)
  expect_true(validUTF8(cut))
  expect_identical(cut, paste0(strrep("\U1F600", 9L), " ... (cut: 40 bytes in all)"))
  # A frame of the longest log record stays far below the frame's limit of 8 MiB.
  expect_lt(nchar(runtime$clean_text(strrep("x", 1e7)), "bytes"), 65536L)
})

test_that("json_string() quotes any string", {
  for (text in c("abc-DEF_123", "", "a b", "a\"b\\c/d", "\n\t\u0001", "abc\n", "na\u00efve \U1F600")) {
    quoted <- runtime$json_string(text)
    expect_true(jsonlite::validate(quoted))
    expect_identical(jsonlite::parse_json(quoted), text)
  }
  expect_identical(class(runtime$json_string("a b")), "character")
})

test_that("encode_result() writes what the page on handlers promises", {
  data <- list(
    list(NULL, "null"),
    list(TRUE, "true"),
    list("a", "\"a\""),
    list("na\u00efve", "\"na\u00efve\""),
    list(latin1("na\xefve"), "\"na\u00efve\""),
    list(1L, "1"),
    list(pi, "3.14159265358979"),
    list(123456789012345, "123456789012345"),
    list(I(1), "[1]"),
    list(1:3, "[1,2,3]"),
    list(c(1, NA, NaN, Inf, -Inf), "[1,null,null,null,null]"),
    list(NA, "null"),
    list(NaN, "null"),
    list(NA_character_, "null"),
    list(c("a", NA), "[\"a\",null]"),
    list(character(), "[]"),
    list(list(), "[]"),
    list(list(a = NULL, b = 1), "{\"a\":null,\"b\":1}"),
    list(structure(list(), names = character()), "{}"),
    list(as.Date("2024-02-29"), "\"2024-02-29\""),
    list(as.POSIXct(0, origin = "1970-01-01", tz = "Europe/Paris"), "\"1970-01-01T00:00:00Z\""),
    list(as.raw(1:3), "\"AQID\""),
    list(factor("x"), "\"x\""),
    list(data.frame(x = 1:2, y = c("a", NA)), "[{\"x\":1,\"y\":\"a\"},{\"x\":2,\"y\":null}]"),
    list(matrix(1:4, 2L), "[[1,3],[2,4]]")
  )
  for (pair in data) {
    expect_identical(runtime$encode_result(pair[[1L]]), pair[[2L]])
  }
})

test_that("encode_result() is not changed by options of the user's code", {
  withr::local_options(OutDec = ",", digits = 3L, scipen = -9L)
  expect_identical(runtime$encode_result(list(x = 1.23456)), "{\"x\":1.23456}")
})

test_that("text of class json passes through as it is", {
  expect_identical(runtime$encode_result(structure("{ \"a\" : 1 }", class = "json")), "{ \"a\" : 1 }")
  expect_identical(runtime$encode_result(jsonlite::toJSON(list(a = 1))), "{\"a\":[1]}")
  expect_identical(runtime$encode_result(structure(latin1("\"\xe9\""), class = "json")), "\"\u00e9\"")
})

test_that("parse_text() never opens what the text names", {
  path <- tempfile(fileext = ".json")
  withr::defer(unlink(path))
  writeLines("{\"secret\": 1}", path)
  for (text in c("/etc/passwd", path, paste0("file://", path), "http://127.0.0.1:1/x.json")) {
    expect_error(runtime$parse_text(text, TRUE), "lexical error|parse error")
    expect_identical(runtime$parse_text(paste0("\"", text, "\""), TRUE), text)
  }
})

test_that("decode_text() knows an object from other JSON", {
  decode <- function(text) runtime$decode_text(text)
  expect_identical(decode("{\"a\":1}"), list(value = list(a = 1L), is_object = TRUE))
  expect_true(decode(" \r\n\t{}")$is_object)
  expect_identical(decode("[1,2]"), list(value = 1:2, is_object = FALSE))
  expect_identical(decode("\"{\""), list(value = "{", is_object = FALSE))
  expect_identical(decode("null"), list(value = NULL, is_object = FALSE))
  for (nothing in c("", " \r\n\t")) {
    expect_identical(decode(nothing), list(value = NULL, is_object = FALSE))
  }
  expect_identical(decode("{\"a\":null}")$value, list(a = NULL))
})

test_that("decode_text() leaves lists alone when that is asked for", {
  decode <- function() runtime$decode_text("{\"a\":[1,2]}")$value
  withr::local_envvar(LAMBDA_R_SIMPLIFY = NA)
  expect_identical(decode(), list(a = 1:2))
  withr::local_envvar(LAMBDA_R_SIMPLIFY = "FALSE")
  expect_identical(decode(), list(a = list(1L, 2L)))
})

test_that("an event that is no JSON is an error of its own type", {
  for (bytes in list(charToRaw("{"), charToRaw("NaN"), charToRaw("{} {}"), as.raw(0xff), as.raw(c(0x31, 0)))) {
    expect_failure_type(runtime$decode_text(runtime$event_text(bytes)), "Runtime.UnmarshalError", "the event is not valid JSON: ")
  }
})

test_that("half a surrogate pair never makes a result that is not UTF-8", {
  event <- runtime$decode_text("{\"a\":\"\\udc00x\"}")$value
  expect_true(validUTF8(runtime$encode_result(event)))
})

test_that("an event that is too deep for R is distinguished from one that is not JSON", {
  deep <- charToRaw(paste0(strrep("[", 10000L), strrep("]", 10000L)))
  expect_error(runtime$decode_text(runtime$event_text(deep)), "nested too deeply", class = "runtime_failure")
})

test_that("JSON inside of a result is not encoded again", {
  json <- jsonlite::toJSON(list(x = 1), auto_unbox = TRUE)
  expect_identical(runtime$encode_result(list(a = json, b = list(json))), "{\"a\":{\"x\":1},\"b\":[{\"x\":1}]}")
  frame <- data.frame(i = 1:2)
  frame$j <- structure(c("[1]", "{}"), class = "json")
  expect_identical(runtime$encode_result(frame), "[{\"i\":1,\"j\":[1]},{\"i\":2,\"j\":{}}]")
})

test_that("text that is not JSON is no format for printf()", {
  for (text in c("%s%s%s%s%s%n", "{\"%s%s%s%s%n\": nope}", "[\"%n\", \"%s%s%s", strrep("[\"%s%n\",", 500L))) {
    expect_error(runtime$parse_text(text, FALSE), "error")
    expect_error(runtime$parse_text(text, TRUE), "error")
  }
  expect_error(runtime$parse_text("%x %d", FALSE), "%x %d", fixed = TRUE)
  expect_error(runtime$parse_text("{\"%d\": x}", TRUE), "{\"%d\": x}", fixed = TRUE)
  expect_identical(runtime$parse_text("[\"100%s of %n\"]", TRUE), "100%s of %n")
  expect_identical(runtime$decode_text("{\"%s\": \"%\"}")$value, list("%s" = "%"))
})

test_that("text that is not JSON leaks no memory", {
  resident <- function() as.numeric(strsplit(readLines("/proc/self/statm"), " ")[[1L]][[2L]]) * 4096
  text <- paste0("[", strrep("\"abcdef\",", 2e5), " nope")
  expect_error(runtime$parse_text(text, TRUE), "invalid")
  before <- resident()
  for (i in 1:20) try(runtime$parse_text(text, TRUE), silent = TRUE)
  expect_lt(resident() - before, 50 * nchar(text)) # it was 200 times the text
})
