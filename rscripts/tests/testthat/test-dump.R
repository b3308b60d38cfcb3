local_edition(3)

# local_dumps() asks for dumps until the end of the test. It returns the folder.
local_dumps <- function(env = parent.frame()) {
  keep_settings(env)
  dir <- withr::local_tempdir(.local_envir = env)
  runtime$settings$dumps <- dir
  begin_invocation("{}", env = env)
  runtime$current$invocation$frame <- list(id = "id-1")
  runtime$current$invocation$log <- runtime$current$log
  dir
}

opened <- function(path) {
  env <- new.env()
  load(path, env)
  env$last.dump
}

test_that("the frames of user code are dumped before they are gone", {
  dir <- local_dumps()
  fails <- function(n) {
    local_value <- n * 2
    stop("no ", n)
  }
  outer <- function(n) fails(n + 1)
  assign("outer", outer, globalenv())
  withr::defer(rm("outer", envir = globalenv()))
  got <- call_named("outer", list(n = 20))
  expect_identical(got$value$message, "no 21")
  path <- file.path(dir, "id-1.rda")
  dump <- opened(path)
  expect_s3_class(dump, "dump.frames")
  expect_match(names(dump)[[1L]], "outer(n = n)", fixed = TRUE)
  expect_match(names(dump)[[2L]], "fails(n + 1)", fixed = TRUE)
  expect_match(names(dump)[[3L]], "stop(\"no \", n)", fixed = TRUE)
  expect_length(dump, 3L)
  expect_identical(dump[[2L]]$local_value, 42)
  expect_identical(attr(dump, "error.message"), "Error in fails(n + 1) : no 21\n")
  expect_identical(format(file.mode(path)), "600")
  expect_identical(
    logged$records[[1L]]$message,
    paste0("frames dumped, to see them call in R: load(\"", path, "\"); debugger(last.dump)")
  )
})

test_that("errors of C code are dumped without how R handles them", {
  dir <- local_dumps()
  assign("adds", function(n) n + "a", globalenv())
  withr::defer(rm("adds", envir = globalenv()))
  call_named("adds", list(n = 1))
  expect_length(opened(file.path(dir, "id-1.rda")), 1L)
})

test_that("nothing is dumped without the flag, for answers, or for errors that are caught", {
  dir <- local_dumps()
  run(tryCatch(stop("caught"), error = function(e) NULL))
  run(runtime$stop_html("not found", code = 404))
  run(runtime$fail("Runtime.X", "no"))
  runtime$current$invocation <- NULL
  run(stop("in the load"))
  expect_length(list.files(dir), 0L)
  dir <- local_dumps()
  runtime$settings$dumps <- NULL
  run(stop("no"))
  expect_length(list.files(dir), 0L)
})

test_that("a dump is bounded, and looks at neither arguments nor active bindings", {
  dir <- local_dumps()
  assign("large", function(untouched) {
    makeActiveBinding("active", function() stop("it was evaluated"), environment())
    big <- numeric(129 * 1048576 / 8)
    stop("no")
  }, globalenv())
  withr::defer(rm("large", envir = globalenv()))
  assign("outer", function(...) large(stop("it was evaluated")), globalenv())
  withr::defer(rm("outer", envir = globalenv()))
  got <- call_named("outer")
  expect_identical(got$value$message, "no")
  expect_length(list.files(dir), 0L)
  expect_match(logged$records[[1L]]$message, "frames not dumped: they have 129 MB, the limit is 128 MB", fixed = TRUE)
})

test_that("a dump that cannot be written is reported, and the error stays", {
  local_dumps()
  runtime$settings$dumps <- "/nowhere"
  got <- suppressWarnings(run(stop("the error")))
  expect_identical(got$value$message, "the error")
  expect_match(logged$records[[length(logged$records)]]$message, "frames not dumped", fixed = TRUE)
})

test_that("the newest dumps stay", {
  dir <- local_dumps()
  for (i in 1:7) {
    path <- file.path(dir, paste0(i, ".rda"))
    file.create(path)
    Sys.setFileTime(path, as.POSIXct("2026-01-01", tz = "UTC") + i)
  }
  runtime$remove_old_dumps(dir)
  expect_identical(sort(list.files(dir)), paste0(3:7, ".rda"))
})
