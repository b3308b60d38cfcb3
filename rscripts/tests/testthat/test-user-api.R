local_edition(3)

test_that("on_shutdown() takes functions only", {
  expect_error(runtime$on_shutdown("close"), "f must be a function without arguments, not character")
})

test_that("lambda_log() wants a level, and names for its fields", {
  logged <- NULL
  runtime$current$log <- function(level, message, call, fields) logged <<- list(level, message, call, fields)
  withr::defer(rm(list = ls(runtime$current), envir = runtime$current))
  runtime$lambda_log("info", "fitted", rows = 1L)
  expect_identical(logged, list("info", "fitted", NULL, list(rows = 1L)))
  expect_error(runtime$lambda_log("loud", "x"), "level must be \"trace\"")
  expect_error(runtime$lambda_log("info", "x", 1), "fields must have names")
})

test_that("remaining_ms() is what is left, and Inf where nothing runs", {
  withr::defer(rm(list = ls(runtime$current), envir = runtime$current))
  expect_identical(runtime$remaining_ms(), Inf)
  runtime$current$invocation$frame <- list(deadline_ms = (as.numeric(Sys.time()) + 5) * 1000)
  expect_true(runtime$remaining_ms() > 4000 && runtime$remaining_ms() <= 5000)
})
