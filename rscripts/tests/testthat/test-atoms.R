local_edition(3)

test_that("encode_atoms() returns the JSON of each element", {
  expect_identical(runtime$encode_atoms(NULL), character())
  expect_identical(runtime$encode_atoms(logical()), character())
  expect_identical(runtime$encode_atoms(c(TRUE, NA, FALSE)), c("true", "null", "false"))
  expect_identical(runtime$encode_atoms(c(1L, NA, -2147483647L)), c("1", "null", "-2147483647"))
  expect_identical(runtime$encode_atoms(c(0.5, NA, NaN, Inf, -Inf, -0)), c("0.5", "null", "null", "null", "null", "-0"))
  expect_identical(runtime$encode_atoms(c("a", NA, "NA", "\"\n\u00e9")), c("\"a\"", "null", "\"NA\"", "\"\\\"\\n\u00e9\""))
})

test_that("long vectors of whole numbers have the same JSON as short ones", {
  for (x in list(0, -0, 2^31 - 1, -2^31, 2^31, 1e5, 1e15, 0.5, NA, NaN, Inf)) {
    expect_identical(runtime$encode_atoms(c(1:20, x)), c(as.character(1:20), runtime$encode_atoms(x)))
  }
})

test_that("all_whole() accepts what R's integers hold", {
  expect_true(runtime$all_whole(c(0, 1, -1, 2^31 - 1, -2^31 + 1)))
  for (x in c(-0, 0.5, 2^31, -2^31, NA, NaN, Inf)) {
    expect_false(runtime$all_whole(c(1, x)))
  }
})

test_that("the C code of this jsonlite is what is used", {
  runtime$helpers$found <- NULL
  found <- runtime$json_helpers()
  for (name in c("numbers", "strings", "array", "object", "parse")) {
    expect_false(identical(found[[name]], runtime[[paste0("base_", name)]]))
  }
})

test_that("a helper that is missing, fails or returns something else is replaced", {
  one <- function(...) "1"
  expect_identical(runtime$first_correct(one, "fallback", list(), "1"), one)
  expect_identical(runtime$first_correct(one, "fallback", list(), "2"), "fallback")
  expect_identical(runtime$first_correct(function() stop("no"), "fallback", list(), "1"), "fallback")
  expect_identical(runtime$find_helpers(new.env())$array, runtime$base_array)
})
