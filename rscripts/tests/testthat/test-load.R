local_edition(3)

test_that("parse_handler() splits at the first dot after the last slash", {
  parse <- runtime$parse_handler
  expect_identical(parse("functions.parity"), list(files = c("functions.R", "functions.r"), name = "parity"))
  expect_identical(parse("src/api.get.user"), list(files = c("src/api.R", "src/api.r"), name = "get.user"))
  expect_identical(parse("../a.d/b.f"), list(files = c("../a.d/b.R", "../a.d/b.r"), name = "f"))
  expect_identical(parse("/opt/x.f"), list(files = c("/opt/x.R", "/opt/x.r"), name = "f"))
  expect_identical(parse("gr\u00f6\u00dfe.m"), list(files = c("gr\u00f6\u00dfe.R", "gr\u00f6\u00dfe.r"), name = "m"))
})

test_that("a name without a dot is looked up in two files", {
  expect_identical(runtime$parse_handler("parity"), list(files = c("handler.R", "runtime.R"), name = "parity"))
  expect_identical(
    runtime$parse_handler("src.d/parity"),
    list(files = c("src.d/handler.R", "src.d/runtime.R"), name = "parity")
  )
})

test_that("two colons name a package", {
  expect_identical(runtime$parse_handler("a::b"), list(package = "a", name = "b"))
  expect_identical(runtime$parse_handler("data.table::as.x"), list(package = "data.table", name = "as.x"))
})

test_that("a malformed handler name is refused with an example", {
  for (handler in c("", ".", "..", "a.", ".b", "src/", "src/.b", "src/a.")) {
    expect_failure_type(
      runtime$parse_handler(handler),
      "Runtime.MalformedHandlerName", paste0("\"", handler, "\""), "functions.parity"
    )
  }
})

test_that("load_handler() returns the function, whose definitions persist", {
  in_user_dir()
  dir.create("src")
  writeLines(c("factor_of <- 3", "get.user <- function(id) id * factor_of"), "src/api.R")
  expect_identical(runtime$load_handler("src/api.get.user")$fn(2), 6)
  expect_identical(globalenv()$factor_of, 3)
})

test_that("load_handler() takes the first of its files", {
  in_user_dir()
  writeLines("which_file <- function() 'runtime'", "runtime.R")
  expect_identical(runtime$load_handler("which_file")$fn(), "runtime")
  writeLines("which_file <- function() 'handler'", "handler.R")
  expect_identical(runtime$load_handler("which_file")$fn(), "handler")
})

test_that("a source file may end in .r", {
  in_user_dir()
  writeLines("g <- function() 'small'", "UP.r")
  expect_identical(runtime$load_handler("UP.g")$fn(), "small")
})

test_that("a source file is UTF-8", {
  in_user_dir()
  writeBin(charToRaw("f <- function() \"na\u00efve\"\n"), "u.R")
  expect_identical(runtime$load_handler("u.f")$fn(), "na\u00efve")
})

test_that("the handler may be a function of a package", {
  expect_identical(runtime$load_handler("stats::median")$fn, stats::median)
  expect_failure_type(
    runtime$load_handler("stats::no_such"),
    "Runtime.NoSuchHandler", "the package stats exports no function no_such"
  )
  expect_failure_type(
    runtime$load_handler("no.such.package::f"),
    "Runtime.ImportModuleError", "no.such.package"
  )
  # An export that is not a function.
  expect_failure_type(runtime$load_handler("datasets::iris"), "Runtime.NoSuchHandler", "iris")
})

test_that("a missing file is named with its folder", {
  in_user_dir()
  expect_failure_type(
    runtime$load_handler("functions.parity"),
    "Runtime.HandlerNotFound", "\"functions.parity\"", "functions.R", getwd()
  )
  expect_failure_type(
    runtime$load_handler("parity"),
    "Runtime.HandlerNotFound", "handler.R nor runtime.R", "functions.parity"
  )
  # A handler that is a file's name gets an explanation.
  writeLines("parity <- identity", "odd.R")
  expect_failure_type(runtime$load_handler("odd"), "Runtime.HandlerNotFound", "odd.parity")
})

test_that("a missing function is named with those that exist", {
  in_user_dir()
  writeLines(c("zeta <- function() 1", "alpha <- function() 2", "x <- 3"), "functions.R")
  expect_failure_type(
    runtime$load_handler("functions.parity"),
    "Runtime.NoSuchHandler", "functions.R defines no function parity", "alpha", "zeta"
  )
  # A value that is not a function is not a handler.
  expect_failure_type(runtime$load_handler("functions.x"), "Runtime.NoSuchHandler", "no function x")
  # Base R's functions are not the user's.
  expect_failure_type(runtime$load_handler("functions.sum"), "Runtime.NoSuchHandler", "no function sum")
})

test_that("a syntax error has its file and line", {
  in_user_dir()
  writeLines(c("a <- 1", "b <- function( {"), "functions.R")
  expect_failure_type(
    runtime$load_handler("functions.f"),
    "Runtime.UserCodeSyntaxError", "functions.R:2:", "unexpected"
  )
})

test_that("an error while a file is sourced has its file, line and stack", {
  in_user_dir()
  writeLines(c("f <- function(x) {", "  x + \"a\"", "}", "", "y <- f(1)"), "functions.R")
  failed <- failure(runtime$load_handler("functions.f"))
  expect_identical(failed$type, "Runtime.InitError")
  expect_identical(conditionMessage(failed), "functions.R:5: non-numeric argument to binary operator")
  # The message has the line of f(1): in a stack, R has the lines of calls in functions only.
  expect_identical(stack_text(failed$stack), c("f(1)", "x + \"a\" (functions.R:2)"))
})

test_that("an error while a file is sourced has its causes", {
  in_user_dir()
  writeLines(c(
    "f <- function() tryCatch(stop(\"one\"), error = function(e) rlang::abort(\"two\", parent = e))",
    "f()"
  ), "functions.R")
  failed <- failure(runtime$load_handler("functions.f"))
  expect_identical(conditionMessage(failed), "functions.R:2: two")
  expect_identical(vapply(failed$parents, `[[`, character(1), "message"), "one")
})

test_that("a warning given to stop() while a file is sourced is an error", {
  in_user_dir()
  writeLines("tryCatch(warning(\"no model\"), warning = function(w) stop(w))", "functions.R")
  expect_failure_type(runtime$load_handler("functions.f"), "Runtime.InitError", "functions.R:1: no model")
})

test_that("a package that cannot be loaded has an error type of its own", {
  lines <- c(
    "library(no.such.package)",
    "loadNamespace('no.such.package')",
    "no.such.package::f()",
    "suppressPackageStartupMessages(library('no.such.package'))"
  )
  for (line in lines) {
    in_user_dir()
    writeLines(c("# a comment", line), "functions.R")
    expect_failure_type(
      runtime$load_handler("functions.f"),
      "Runtime.ImportModuleError", "functions.R:2: ", "no.such.package"
    )
  }
})

test_that("errors that the user's file catches do not count", {
  in_user_dir()
  writeLines(
    c(
      "tryCatch(stop('a'), error = function(e) NULL)",
      "try(log('b'), silent = TRUE)",
      "has_it <- requireNamespace('no.such.package', quietly = TRUE)",
      "f <- function() has_it"
    ),
    "functions.R"
  )
  expect_false(runtime$load_handler("functions.f")$fn())
})
