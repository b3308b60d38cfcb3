local_edition(3)

test_that("a hook must be a function", {
  expect_error(runtime$on_shutdown("close"), "on_shutdown(): f must be a function without arguments, not character", fixed = TRUE)
  expect_error(runtime$on_snapshot(1), "on_snapshot(): f must be a function without arguments, not numeric", fixed = TRUE)
  expect_error(runtime$on_fork(TRUE), "on_fork(): f must be a function without arguments, not logical", fixed = TRUE)
  expect_error(runtime$on_restore(NULL), "on_restore(): f must be a function without arguments, not NULL", fixed = TRUE)
})

test_that("a hook that needs an argument is refused", {
  keep_settings()
  for (name in c("on_shutdown", "on_snapshot", "on_restore", "on_fork")) {
    register <- runtime[[name]]
    refused <- paste0(name, "(): f is called without arguments; give ")
    expect_error(register(function(con) close(con)), paste0(refused, "\"con\" a default"), fixed = TRUE)
    expect_error(register(function(event, context) 1), refused, fixed = TRUE)
    expect_error(register(sin), refused, fixed = TRUE)
    for (hook in list(function(con = NULL) con, function(...) 1, gc, proc.time, interactive)) {
      expect_identical(register(hook), hook)
    }
  }
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
