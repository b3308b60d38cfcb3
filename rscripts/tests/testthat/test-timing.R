local_edition(3)

# forget_loads() begins anew, and ends so with the test.
forget_loads <- function(env = parent.frame()) {
  runtime$timing$loads <- list()
  withr::defer(runtime$timing$loads <- list(), envir = env)
}

# unload() makes packages of base R be loaded again in the test.
unload <- function(...) {
  for (package in c(...)) {
    try(detach(paste0("package:", package), character.only = TRUE), silent = TRUE)
    unloadNamespace(package)
  }
}

test_that("a call that loads packages is noted by those that it names, with its time", {
  unload("stats4", "splines")
  forget_loads()
  source_code(c(
    "x <- 1",
    "suppressMessages({",
    "  library(stats4)",
    "  requireNamespace(\"splines\")",
    "  Sys.sleep(0.05)",
    "})",
    "library(stats4)"
  ))
  expect_length(runtime$timing$loads, 1L)
  load <- runtime$timing$loads[[1L]]
  expect_identical(load$package, "stats4, splines")
  expect_gte(load$ms, 50)
})

test_that("packages that another file attaches are noted, too", {
  unload("stats4")
  forget_loads()
  in_user_dir()
  writeLines("library(stats4)", "more.R")
  writeLines("source(\"more.R\")", "functions.R")
  runtime$source_user("functions.R")
  expect_identical(lapply(runtime$timing$loads, function(load) load$package), list("stats4"))
})

test_that("the value of a file is that of its last call, loaded packages or not", {
  unload("splines")
  forget_loads()
  expect_identical(source_code("nchar(loadNamespace(\"splines\")$.packageName)"), 7L)
})

test_that("the slowest five come first", {
  forget_loads()
  expect_identical(runtime$slowest_loads(), list())
  runtime$timing$loads <- lapply(c(3, 7, 1, 5, 6, 2), function(ms) list(package = paste0("p", ms), ms = ms))
  expect_identical(vapply(runtime$slowest_loads(), function(load) load$package, ""), paste0("p", c(7, 6, 5, 3, 2)))
})
