local_edition(3)

test_that("join_one() makes an array, or an object of names", {
  expect_identical(runtime$join_one(c("1", "[2]"), NULL), "[1,[2]]")
  expect_identical(runtime$join_one(c("1", "[2]"), c("a", "b\"")), "{\"a\":1,\"b\\\"\":[2]}")
  expect_identical(runtime$join_one(character(), NULL), "[]")
  expect_identical(runtime$join_one(character(), character()), "{}")
})

test_that("join_columns() makes one container of each row", {
  columns <- list(c("1", "2"), c("\"x\"", "\"y\""))
  expect_identical(runtime$join_columns(columns, NULL), c("[1,\"x\"]", "[2,\"y\"]"))
  expect_identical(runtime$join_columns(columns, c("a", "b")), c("{\"a\":1,\"b\":\"x\"}", "{\"a\":2,\"b\":\"y\"}"))
  expect_identical(runtime$join_columns(list(), NULL), "[]")
})

test_that("join() puts containers of mixed shapes back in their order", {
  children <- c("1", "2", "3", "4", "5", "6")
  sizes <- c(2L, 0L, 1L, 2L, 1L)
  labels <- list(c("a", "b"), NULL, NULL, c("a", "b"), "c")
  expect_identical(
    runtime$join(children, sizes, c("ab", "0", "1", "ab", "c"), labels),
    c("{\"a\":1,\"b\":2}", "[]", "[3]", "{\"a\":4,\"b\":5}", "{\"c\":6}")
  )
})

test_that("a few large containers are joined like many small ones", {
  large <- as.character(1:100)
  expect_identical(runtime$join(large, 100L, 100L), paste0("[", paste(large, collapse = ","), "]"))
  expect_identical(
    runtime$join(c("0", large), c(1L, 100L), c("1", "100")),
    c("[0]", paste0("[", paste(large, collapse = ","), "]"))
  )
})

test_that("keys are quoted in UTF-8", {
  latin1 <- "na\xefve"
  Encoding(latin1) <- "latin1"
  expect_identical(runtime$encode_keys(c(latin1, "a\"b", "\u65e5")), c("\"na\u00efve\"", "\"a\\\"b\"", "\"\u65e5\""))
})
