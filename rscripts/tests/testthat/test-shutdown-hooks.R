local_edition(3)

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
