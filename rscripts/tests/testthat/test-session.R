local_edition(3)

# The session itself, in R's own loop, is tested in test/e2e/debug_test.go.

test_that("the profile is the one that R would read", {
  in_user_dir()
  withr::local_envvar(HOME = getwd())
  dir.create("below")
  withr::local_dir("below")
  expect_identical(runtime$user_profile(NULL), "")
  file.create("../.Rprofile")
  expect_identical(runtime$user_profile(NULL), "~/.Rprofile")
  file.create(".Rprofile")
  expect_identical(runtime$user_profile(NULL), ".Rprofile")
  expect_identical(runtime$user_profile("/nowhere"), "")
  expect_identical(runtime$user_profile(""), "")
  file.create("own.R")
  expect_identical(runtime$user_profile("own.R"), "own.R")
})

test_that("a profile prints what R would print", {
  path <- withr::local_tempfile()
  writeLines(c("profile_value <- 1", "profile_value + 1", "invisible(3)"), path)
  withr::defer(rm("profile_value", envir = globalenv()))
  expect_output(runtime$run_profile(path), "^\\[1\\] 2$")
  expect_identical(get("profile_value", globalenv()), 1)
  expect_null(runtime$run_profile(""))
})

test_that("the user's .First() runs, stays, and may fail", {
  calls <- character()
  start_debugging <- runtime$start_debugging
  runtime$start_debugging <- function(config) calls <<- c(calls, config$handler)
  users <- function() {
    calls <<- c(calls, "user")
    stop("in .First")
  }
  assign(".First", users, globalenv())
  withr::defer({
    runtime$start_debugging <- start_debugging
    rm(".First", envir = globalenv())
  })
  runtime$start_with(list(handler = "f.g"))
  expect_error(get(".First", globalenv())(), "in .First", fixed = TRUE)
  expect_identical(calls, c("user", "f.g"))
  expect_identical(get(".First", globalenv()), users)
})

test_that("log records are printed on standard error from their level on", {
  printed <- function(...) capture.output(runtime$new_debug_log("info")(...), type = "message")
  expect_identical(printed("info", "fitted", NULL, list(rows = 3L, by = "x")), "INFO fitted rows=3 by=\"x\"")
  expect_identical(printed("warn", "w", quote(f(x))), "WARN w (f(x))")
  expect_identical(printed("debug", "d"), character())
  expect_identical(printed("info", NULL, line = "{\"m\":1}"), "{\"m\":1}")
})

test_that("a failed load is shown with its lines", {
  failure <- runtime$new_failure("Runtime.InitError", "f.R:2: no", list(list(call = "g()", file = "f.R", line = 2L), list(call = "h()")))
  expect_identical(
    capture.output(runtime$show_failure(failure), type = "message"),
    c("Error: Runtime.InitError: f.R:2: no", "  g() (f.R:2)", "  h()")
  )
})
