local_edition(3)

# worker/rvalue/rows_test.go compares the JSON of random tables with that of encode_result().

large <- data.frame(id = 1:1000, name = "x", day = as.Date("2024-01-01"), at = as.POSIXct(0, origin = "1970-01-01"))

pieces <- function(value) {
  bytes <- runtime$encode_pieces(value)
  expect_type(bytes, "raw")
  unserialize(bytes)
}

test_that("a large data frame is a table of its columns", {
  table <- pieces(large)[[1L]]
  expect_identical(table[[1L]], c("\"id\"", "\"name\"", "\"day\"", "\"at\""))
  expect_identical(table[[2L]], c("", "", "date", "time"))
  expect_identical(table[[3L]], list(1:1000, rep("x", 1000L), rep(19723, 1000L), rep(0, 1000L)))
})

test_that("a small one is JSON, and so is one that is too large for a result", {
  expect_identical(runtime$encode_pieces(large[1:2, 1:2]), "[{\"id\":1,\"name\":\"x\"},{\"id\":2,\"name\":\"x\"}]")
  expect_identical(runtime$encode_pieces(list(a = 1)), "{\"a\":1}")
  expect_type(runtime$encode_pieces(data.frame(a = numeric(1.6e6))), "character")
})

test_that("lists may hold data frames", {
  value <- pieces(list(total = 5, "</", rows = list(large[1:2])))
  expect_identical(value[c(1:6, 8:9)], list("{\"total\":", "5", ",\"2\":", "\"<\\/\"", ",\"rows\":", "[", "]", "}"))
  expect_identical(value[[7L]][[1L]], c("\"id\"", "\"name\""))
  expect_type(runtime$encode_pieces(list(list(list(large)))), "character")
  expect_type(runtime$encode_pieces(rep(list(large[1:2]), 21L)), "character")
  expect_error(runtime$encode_pieces(structure(list(large), class = "own")), "own")
})

test_that("a column that bootstrap cannot write is JSON text", {
  frame <- large[1:2]
  frame$tags <- rep(list(NULL, 1:2), 500L)
  table <- pieces(frame)[[1L]]
  expect_identical(table[[2L]], c("", "", "json"))
  expect_identical(table[[3L]][[3L]][1:2], c("null", "[1,2]"))
  frame$tags <- as.Date(c(Inf, rep(0, 999L)), origin = "1970-01-01")
  expect_identical(pieces(frame)[[1L]][[3L]][[3L]][1:2], c("null", "\"1970-01-01\""))
})

test_that("text that is not UTF-8, and what cannot be encoded, is left to encode_result()", {
  frame <- large[1:2]
  frame$name[[3L]] <- "\xff"
  Encoding(frame$name[[3L]]) <- "UTF-8"
  expect_error(runtime$encode_pieces(frame), "not valid UTF-8")
  frame$name[[3L]] <- "\xed\xb0\x80"
  Encoding(frame$name[[3L]]) <- "UTF-8"
  expect_match(runtime$encode_pieces(frame), "\ufffd", fixed = TRUE)
  frame$name <- rep(list(sum), 1000L)
  expect_error(runtime$encode_pieces(frame), "a function")
})

test_that("only the invocations of bootstrap get tables", {
  handler <- runtime$new_handler(function() large, "handler")
  invocation <- list2env(list(frame = list(id = "1")))
  expect_type(runtime$evaluate(invocation, handler, charToRaw("{}")), "character")
  invocation$tables <- TRUE
  expect_type(runtime$evaluate(invocation, handler, charToRaw("{}")), "raw")
})
