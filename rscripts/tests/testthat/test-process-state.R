local_edition(3)

# remembered() records the state, which the test's end restores, and returns the records that
# restoring logs.
remembered <- function(env = parent.frame()) {
  in_user_dir(env)
  withr::local_envvar(TMPDIR = dirname(tempdir()), .local_envir = env)
  locale <- vapply(runtime$locale_categories, Sys.getlocale, character(1))
  runtime$remember_process_state()
  withr::defer(
    {
      rm(list = ls(runtime$initial), envir = runtime$initial)
      for (category in names(locale)) suppressWarnings(Sys.setlocale(category, locale[[category]]))
    },
    envir = env
  )
}

restore <- function() {
  logged <- character()
  runtime$restore_process_state(function(level, message, ...) logged <<- c(logged, paste(level, message)))
  logged
}

test_that("the working directory is restored, even if the one in between is gone", {
  remembered()
  wd <- getwd()
  dir.create("other")
  setwd("other")
  expect_identical(restore(), character())
  expect_identical(getwd(), wd)
  setwd("other")
  unlink(file.path(wd, "other"), recursive = TRUE)
  expect_identical(restore(), character())
  expect_identical(getwd(), wd)
})

test_that("a working directory that is gone is logged", {
  remembered()
  wd <- getwd()
  setwd(tempdir())
  unlink(wd, recursive = TRUE)
  expect_match(restore(), "^warn the working directory cannot be restored: .*: cannot change working directory$")
  dir.create(wd)
})

test_that("each category of the locale is restored", {
  remembered()
  before <- Sys.getlocale()
  for (category in c("LC_ALL", runtime$locale_categories)) {
    other <- if (Sys.getlocale(category) == "C") "C.UTF-8" else "C"
    suppressWarnings(Sys.setlocale(category, other))
    if (category != "LC_ALL") {
      expect_identical(Sys.getlocale(category), other)
    }
    expect_identical(restore(), character())
    expect_identical(Sys.getlocale(), before)
  }
})

test_that("tempdir() is created again, under its name", {
  printed <- in_new_r(
    "runtime$remember_process_state()",
    "path <- tempdir()",
    "log <- function(...) cat('logged:', ..., '\\n')",
    "works <- function() { writeLines('x', tempfile()); cat(identical(tempdir(), path), format(file.mode(path)), '\\n') }",
    "unlink(path, recursive = TRUE); runtime$restore_process_state(log); works()",
    "unlink(path, recursive = TRUE); cat('', file = path); runtime$restore_process_state(log); works()",
    # As after quit() in a child, which removes the folder up to R 4.5.
    "parallel:::mcfork -> fork",
    # In one expression, because parent and child would read the rest of the script from one file.
    "{ child <- fork(); if (inherits(child, 'masterProcess')) { unlink(path, recursive = TRUE); parallel:::mcexit() } }",
    "invisible(suppressWarnings(parallel::mccollect(child))); while (dir.exists(path)) Sys.sleep(0.01)",
    "runtime$restore_process_state(log); works()"
  )
  expect_identical(trimws(printed), rep("TRUE 700", 3L))
})

test_that("a tempdir() that cannot be created is logged", {
  expect_match(
    in_new_r(
      "runtime$tempdir <- function() '/proc/none'",
      "runtime$restore_process_state(function(level, message) cat(level, message, '\\n'))"
    ),
    "^warn tempdir\\(\\) is gone and cannot be created again: /proc/none"
  )
})

test_that("nothing is restored before the load has ended", {
  in_user_dir()
  wd <- getwd()
  expect_identical(restore(), character())
  expect_identical(getwd(), wd)
})
