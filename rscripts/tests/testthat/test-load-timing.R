local_edition(3)

# forget_loads() begins a loading, until the end of the test.
forget_loads <- function(env = parent.frame()) {
  runtime$current$loading <- runtime$new_loading()
  withr::defer(runtime$current$loading <- NULL, envir = env)
}

# unload() unloads packages of base R, so that the test loads them again.
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
  expect_length(runtime$current$loading$loads, 1L)
  load <- runtime$current$loading$loads[[1L]]
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
  expect_identical(lapply(runtime$current$loading$loads, function(load) load$package), list("stats4"))
})

test_that("the value of a file is that of its last call, loaded packages or not", {
  unload("splines")
  forget_loads()
  expect_identical(source_code("nchar(loadNamespace(\"splines\")$.packageName)"), 7L)
})

test_that("the slowest five come first", {
  forget_loads()
  expect_identical(runtime$slowest_loads(runtime$current$loading), list())
  runtime$current$loading$loads <- lapply(c(3, 7, 1, 5, 6, 2), function(ms) list(package = paste0("p", ms), ms = ms))
  expect_identical(vapply(runtime$slowest_loads(runtime$current$loading), function(load) load$package, character(1)), paste0("p", c(7, 6, 5, 3, 2)))
})

# time_load() loads these lines, with more.R beside them, under with_timed_calls(). It returns
# the log records: each call, where it was, and its time.
time_load <- function(lines, more = character(), env = parent.frame()) {
  calls <- list()
  runtime$current$log <- function(level, message, call, load) {
    expect_identical(c(level, message), c("debug", "timed"))
    calls[[length(calls) + 1L]] <<- c(list(call = runtime$call_text(call)), load)
  }
  in_user_dir(env)
  writeLines(lines, "functions.R")
  writeLines(more, "more.R")
  runtime$attach_user_api()
  runtime$current$loading <- runtime$new_loading(time_calls = TRUE)
  withr::defer(
    {
      detach("lambda", character.only = TRUE)
      runtime$current$loading <- runtime$current$log <- NULL
    },
    envir = env
  )
  withr::local_options(keep.source = TRUE)
  tryCatch(runtime$with_timed_calls(runtime$source_user("functions.R")), error = identity)
  calls
}

named <- function(calls) vapply(calls, function(call) call$call, character(1))
places <- function(calls) vapply(calls, function(call) call$at, character(1))

test_that("each call is timed, inner ones before those that they are part of", {
  unload("stats4", "splines")
  calls <- time_load(
    c("library(stats4)", "source(\"more.R\")"),
    c("Sys.sleep(0.05)", "f <- function() {", "  requireNamespace(\"splines\", quietly = TRUE)", "}", "f()")
  )
  expect_identical(named(calls), c("library(stats4)", "requireNamespace(\"splines\")", "source(\"more.R\")"))
  expect_identical(places(calls), c("functions.R:1", "more.R:3", "functions.R:2"))
  expect_gte(calls[[3L]]$ms, 50)
  expect_lt(calls[[2L]]$ms, calls[[3L]]$ms)
})

test_that("a variable is replaced by its value", {
  calls <- time_load(c(
    "for (p in c(\"stats4\", \"splines\")) suppressMessages(library(p, character.only = TRUE))",
    "invisible(lapply(c(\"stats4\", \"splines\"), require, character.only = TRUE))",
    "do.call(\"library\", list(\"stats4\"))",
    "do.call(library, list(\"stats4\"))",
    "Map(library, \"stats4\", character.only = TRUE)",
    "dir <- \".\"; source(file.path(dir, \"more.R\"))",
    "name <- function() { n <<- n + 1; \"stats4\" }; n <- 0; loadNamespace(name()); if (n != 1) stop()"
  ))
  expect_identical(named(calls), c(
    "library(\"stats4\")", "library(\"splines\")", "require(\"stats4\")", "require(\"splines\")",
    "library(\"stats4\")", "library(\"stats4\")", "library(\"stats4\")", "source(\"./more.R\")",
    "loadNamespace(name())"
  ))
  expect_identical(places(calls)[[9L]], "functions.R:7")
})

test_that("the timed functions do what those of base do", {
  calls <- time_load(
    c(
      "stats4 <- \"splines\"",
      "attached <- withVisible(library(stats4))",
      "value <- source(\"more.R\", local = TRUE)",
      "within <- local({ here <- 1; source(\"more.R\", local = TRUE); here })",
      "sys.source(\"more.R\", envir = into <- new.env())",
      "lib <- NULL; lapply(\"stats4\", library, lib.loc = lib, character.only = TRUE)",
      "found <- suppressWarnings(require(notthere, quietly = TRUE))",
      "kept <- library",
      "e <- tryCatch(library(notthere), error = identity)"
    ),
    "here <- 2"
  )
  user <- globalenv()
  expect_false(user$attached$visible)
  expect_true("stats4" %in% user$attached$value)
  expect_identical(user$value, list(value = 2, visible = FALSE))
  expect_identical(c(user$within, user$here, user$into$here), c(2, 2, 2))
  expect_false(user$found)
  expect_s3_class(user$e, "packageNotFoundError")
  expect_match(conditionMessage(user$e), "there is no package called .notthere.")
  expect_identical(named(calls)[[length(calls)]], "library(notthere)")

  # A function that user code has kept still works, and logs nothing.
  before <- length(calls)
  runtime$current$log <- function(...) stop("logged")
  expect_error(user$kept(notthere), "there is no package")
})

test_that("they are removed when the handler is loaded, and when it fails to load", {
  check <- function(last) {
    time_load(c("library(stats4)", last))
    expect_identical(intersect(ls("lambda"), runtime$timed_functions), character())
    expect_identical(get("library", globalenv()), base::library)
    expect_false(runtime$current$loading$time_calls)
  }
  check("f <- function() 1")
  check("stop(\"no\")")
})

test_that("a package that is missing is one however it is asked for", {
  for (call in c("library(notthere)", "base::library(notthere)", "base::loadNamespace(\"notthere\")")) {
    failed <- failure(source_code(call))
    expect_identical(failed$type, "Runtime.ImportModuleError")
  }
})
