local_edition(3)

test_that("a hook must be a function", {
  expect_error(runtime$on_shutdown("close"), "on_shutdown(): f must be a function without arguments, not character", fixed = TRUE)
  expect_error(runtime$on_snapshot(1), "on_snapshot(): f must be a function without arguments, not numeric", fixed = TRUE)
  expect_error(runtime$on_restore(NULL), "on_restore(): f must be a function without arguments, not NULL", fixed = TRUE)
})

test_that("on_snapshot() and on_restore() return their hook, and keep the order", {
  keep_settings()
  a <- function() 1
  b <- function() 2
  expect_identical(runtime$on_snapshot(a), a)
  expect_identical(runtime$on_restore(b), b)
  runtime$on_snapshot(b)
  expect_identical(runtime$settings$snapshot_hooks, list(a, b))
  expect_identical(runtime$settings$restore_hooks, list(b))
})

test_that("shutdown hooks run last registered first, and a failing one stops no other", {
  runtime$settings$shutdown_hooks <- list()
  ran <- character()
  logged <- character()
  runtime$on_shutdown(function() ran <<- c(ran, "first"))
  runtime$on_shutdown(function() stop("no 100%s"))
  runtime$on_shutdown(function() {
    message("closing")
    ran <<- c(ran, "third")
  })
  runtime$run_shutdown_hooks(function(level, message, call) logged <<- c(logged, paste(level, message)))
  expect_identical(ran, c("third", "first"))
  expect_identical(logged, c("info closing", "error on_shutdown hook failed: simpleError: no 100%s"))
  runtime$settings$shutdown_hooks <- list()
})
