local_edition(3)

test_that("the compiler is on in user code, and off in the runtime", {
  level <- function() .Internal(enableJIT(-1L))
  before <- level()
  withr::defer(.Internal(enableJIT(before)))
  runtime$user_jit_off()
  runtime$jit$user_level <- 2L
  expect_identical(level(), 0L)
  env <- list2env(list(level = level, in_runtime = runtime$in_runtime), parent = globalenv())
  expect_identical(runtime$call_user(quote(c(level(), in_runtime(level()), level())), env), c(2L, 0L, 2L))
  expect_identical(level(), 0L)
  expect_error(runtime$call_user(quote(stop("no")), env))
  expect_identical(level(), 0L)
  expect_identical(runtime$call_user(quote(level()), env), 2L)
  # A level that user code sets is kept for it.
  runtime$call_user(quote(.Internal(enableJIT(1L))), baseenv())
  expect_identical(c(level(), runtime$call_user(quote(level()), env)), c(0L, 1L))
  runtime$jit$user_level <- before
})

test_that("with_interrupts() removes the time limits that user code sets", {
  removed <- character()
  runtime$setTimeLimit <- function(...) removed <<- c(removed, "one call's")
  runtime$setSessionTimeLimit <- function(...) removed <<- c(removed, "the session's")
  withr::defer(rm(setTimeLimit, setSessionTimeLimit, envir = runtime))
  expect_identical(runtime$with_interrupts({
    expect_length(removed, 0L)
    "value"
  }), "value")
  expect_identical(removed, c("one call's", "the session's"))
  expect_error(runtime$with_interrupts(stop("no")), "no")
  expect_length(removed, 4L)
})

test_that("an interrupt between two invocations is discarded", {
  printed <- in_new_r(
    "invisible(suspendInterrupts({",
    "  tools::pskill(Sys.getpid(), 2L)",
    "  runtime$absorb_interrupt()",
    "}))",
    "allowInterrupts(cat('goes on\\n'))"
  )
  expect_identical(printed, "goes on")
})

test_that("a forked child that returns is ended, the worker is not", {
  pid <- Sys.getpid()
  expect_null(runtime$end_fork(pid))
  job <- parallel::mcparallel({
    runtime$end_fork(pid)
    "returned"
  })
  expect_null(suppressWarnings(parallel::mccollect(job))[[1L]])
})

test_that("reset_output() removes the sinks that user code left", {
  printed <- in_new_r(
    "sink(tempfile()); sink(tempfile()); con <- file(tempfile(), 'w'); sink(con, type = 'message')",
    "runtime$reset_output()",
    "cat('out\\n'); message('err')"
  )
  expect_setequal(printed, c("out", "err"))
})

test_that("each worker draws its own random numbers, unless it keeps the seed of its file", {
  keep_settings()
  withr::local_preserve_seed()
  local_draws <- function(lines) {
    in_user_dir()
    writeLines(c(lines, "f <- function() 1"), "functions.R")
    keep_sinks()
    withr::defer(runtime$current$log <- NULL)
    runtime$load_or_fail("functions.f", function(...) NULL)
    c(RNGkind()[[1L]], runif(3))
  }
  seeded <- "set.seed(1); x <- runif(1)"
  expect_false(identical(local_draws(seeded), local_draws(seeded)))
  expect_identical(local_draws("set.seed(1, kind = \"Wichmann-Hill\")")[[1L]], "Wichmann-Hill")
  RNGkind("default")
  keeps <- paste0(seeded, "; lambda_config(keep_seed = TRUE)")
  assign("lambda_config", runtime$lambda_config, globalenv())
  withr::defer(rm("lambda_config", envir = globalenv()))
  expect_identical(local_draws(keeps), local_draws(keeps))
})
