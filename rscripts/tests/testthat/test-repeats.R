local_edition(3)

texts <- function(got) vapply(got$log, `[[`, character(1), "message")

test_that("a repeated warning is logged five times, and then its total", {
  f <- function() for (i in 1:75) warning("again")
  got <- run(f())
  expect_identical(texts(got), c(rep("again", 5L), "again (75 times in all, 5 logged)"))
  expect_identical(got$log[[6L]][c("level", "call")], list(level = "warn", call = quote(f())))
})

test_that("each call and each text is counted", {
  f <- function() warning("same")
  g <- function() warning("same")
  got <- run(for (i in 1:6) {
    f()
    g()
    warning(i)
  })
  expect_identical(sum(texts(got) == "same"), 10L)
  expect_identical(sum(texts(got) == "same (6 times in all, 5 logged)"), 2L)
  expect_true(all(1:6 %in% texts(got)))
  expect_length(got$log, 18L)
})

test_that("the totals are logged even if the code fails", {
  got <- run({
    for (i in 1:7) warning("again")
    stop("no")
  })
  expect_identical(got$value$message, "no")
  expect_identical(texts(got)[[6L]], "again (7 times in all, 5 logged)")
})

test_that("more warnings than are counted are all logged", {
  got <- run(for (i in 1:2) for (j in 1:1100) warning(j))
  expect_length(got$log, 2200L)
  got <- run(for (i in 1:20) warning(strrep("x", 2000)))
  expect_length(got$log, 20L)
})

test_that("C code's warnings, and those that are not lists, are counted or logged", {
  got <- run(for (i in 1:8) as.integer("x"))
  expect_identical(texts(got)[6:6], "NAs introduced by coercion (8 times in all, 5 logged)")
  odd <- structure(1, class = c("odd", "warning", "condition"))
  assign("conditionMessage.odd", function(c) "odd", globalenv())
  assign("conditionCall.odd", function(c) NULL, globalenv())
  withr::defer(rm(conditionMessage.odd, conditionCall.odd, envir = globalenv()))
  got <- run(for (i in 1:8) warning(odd))
  expect_length(got$log, 8L)
})

test_that("a child that R forked logs all of its warnings", {
  skip_on_os("windows")
  path <- tempfile()
  withr::defer(unlink(path))
  log <- function(level, message, call) cat(message, "\n", file = path, append = TRUE)
  runtime$with_conditions(function() parallel::mccollect(parallel::mcparallel(for (i in 1:9) warning("again"))), log)
  expect_length(readLines(path), 9L)
})
