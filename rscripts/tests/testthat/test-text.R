local_edition(3)

test_that("is_string() and first_string() know one string", {
  expect_true(runtime$is_string(""))
  for (x in list(NA_character_, c("a", "b"), character(), 1, NULL, list("a"))) {
    expect_false(runtime$is_string(x))
  }
  expect_identical(runtime$first_string(NULL, 1, list("a"), "b", "c"), "b")
  expect_null(runtime$first_string(NULL, NA_character_))
})

test_that("pluck() goes down by whole names, and gives NULL where there is nothing", {
  x <- list(context = list(http = list(path = "/a")), text = "b", none = NULL)
  expect_identical(runtime$pluck(x, "context", "http", "path"), "/a")
  expect_identical(runtime$pluck(x, "text"), "b")
  expect_null(runtime$pluck(x, "con"))
  expect_null(runtime$pluck(x, "context", "http", "path", "deeper"))
  expect_null(runtime$pluck(x, "none", "deeper"))
  expect_null(runtime$pluck(list("a"), "a"))
  expect_null(runtime$pluck(NULL, "a"))
})

test_that("setdiff_strings() keeps the order and what comes twice", {
  expect_identical(runtime$setdiff_strings(c("b", "a", "c", "b"), c("a", "x")), c("b", "c", "b"))
  expect_identical(runtime$setdiff_strings(character(), "a"), character())
  expect_identical(runtime$setdiff_strings("a", NULL), "a")
})

test_that("quoted() shows at most ten strings, and the beginning of long ones", {
  expect_identical(runtime$quoted(c("a", "b\"\n")), "\"a\", \"b\\\"\\n\"")
  expect_identical(runtime$quoted(as.character(1:11)), paste0(paste0("\"", 1:10, "\"", collapse = ", "), ", ..."))
  expect_identical(runtime$quoted(strrep("k", 1000)), paste0("\"", strrep("k", 100), "...\""))
})

test_that("nouns and pronouns follow the number", {
  expect_identical(paste0("argument", runtime$plural_s("a"), runtime$plural_it("a")), "argumentit")
  expect_identical(paste0("argument", runtime$plural_s(1:2), runtime$plural_it(1:2)), "argumentsthem")
})
