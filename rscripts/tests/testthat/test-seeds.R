local_edition(3)

found <- function() {
  findings <- c(runtime$fragile_seeds(list(globalenv())), runtime$foreign_generators())
  vapply(findings, function(found) paste0(found$what, ": ", found$fix), "")
}

test_that("set.seed() in the file is found with its line, in functions it is not", {
  keep_settings()
  withr::local_preserve_seed()
  source_code(c(
    "x <- matrix(1:4, 2)[, 1]", "set.seed(1)", "local({", "  base::set.seed(2)", "})",
    "f <- function() {", "  set.seed(3)", "}", "if (TRUE) set.seed(4)"
  ))
  got <- found()
  expect_identical(sub(":.*", "", sub("^set.seed\\(\\) at functions.R:", "", got)), c("2", "3", "9"))
  expect_match(got, "remove it: the seed is renewed after a restore, unless lambda_config(keep_seed = TRUE) keeps it", fixed = TRUE)
  runtime$lambda_config(keep_seed = TRUE)
  expect_match(found(), "remove lambda_config(keep_seed = TRUE), or every environment draws the same numbers", fixed = TRUE)
})

test_that("a file without set.seed() has no finding", {
  keep_settings()
  source_code("f <- function(x) x")
  expect_length(found(), 0L)
})

test_that("generators out of reach are found where their package is loaded", {
  withr::defer(rm("isNamespaceLoaded", "getExportedValue", envir = runtime))
  runtime$isNamespaceLoaded <- function(name) name %in% c("torch", "reticulate", "rJava")
  runtime$getExportedValue <- function(package, name) function() TRUE
  expect_length(runtime$foreign_generators(), 3L)
  runtime$isNamespaceLoaded <- function(name) name == "reticulate"
  runtime$getExportedValue <- function(package, name) function() FALSE
  expect_length(runtime$foreign_generators(), 0L)
})
