local_edition(3)

test_that("a stack has the calls of user code with file and line", {
  source_code(c(
    "outer <- function(x) {",
    "  inner(x, \"b\")",
    "}",
    "inner <- function(x, y) {",
    "  if (x > 0) {",
    "    stop(\"too large\")",
    "  }",
    "}"
  ))
  failed <- call_named("outer", list(x = 1))$value
  expect_identical(failed$message, "too large")
  expect_identical(
    stack_text(failed$stack),
    c("outer(x = x)", "inner(x, \"b\") (functions.R:2)", "stop(\"too large\") (functions.R:6)")
  )
})

test_that("an error of a function without a frame has its line", {
  source_code(c("f <- function(x) {", "  y <- 1", "  x + \"a\"", "}"))
  failed <- call_named("f", list(x = 1))$value
  expect_identical(failed$type, "simpleError")
  expect_identical(stack_text(failed$stack), c("f(x = x)", "x + \"a\" (functions.R:3)"))
})

test_that("an error in C code of a closure is that closure's", {
  source_code(c("f <- function(x) {", "  solve(x)", "}", "g <- function() {", "  no_such_function(1)", "}"))
  failed <- call_named("f", list(x = matrix(0, 2, 2)))$value
  expect_identical(stack_text(failed$stack)[1:2], c("f(x = x)", "solve(x) (functions.R:2)"))
  expect_match(failed$stack[[length(failed$stack)]]$call, "^solve.default\\(")
  expect_identical(
    stack_text(call_named("g")$value$stack),
    c("g()", "no_such_function(1) (functions.R:5)")
  )
})

test_that("an error object made elsewhere does not hide where it was signalled", {
  source_code(c("f <- function() {", "  stop(simpleError(\"x\"))", "}"))
  expect_identical(
    stack_text(call_named("f")$value$stack),
    c("f()", "stop(simpleError(\"x\")) (functions.R:2)")
  )
})

test_that("a stack keeps no frame of an error that was caught before", {
  source_code(c(
    "f <- function() {",
    "  try(stop(\"first\"), silent = TRUE)",
    "  stop(\"second\")",
    "}"
  ))
  expect_identical(stack_text(call_named("f")$value$stack), c("f()", "stop(\"second\") (functions.R:3)"))
})

test_that("a call inside another file has that file's name", {
  source_code("f <- function() g()", "one.R")
  writeLines(c("", "g <- function() stop(1)"), "two.R")
  runtime$source_user("two.R")
  expect_identical(
    stack_text(call_named("f")$value$stack),
    c("f()", "g() (one.R:1)", "stop(1) (two.R:2)")
  )
})

test_that("code without source references has a stack without lines", {
  in_user_dir()
  eval(parse(text = "f <- function() stop('x')", keep.source = FALSE), globalenv())
  expect_identical(stack_text(call_named("f")$value$stack), c("f()", "stop(\"x\")"))
})

test_that("an endless recursion is cut in the middle", {
  source_code("f <- function(n) if (n == 0) stop(\"end\") else f(n - 1)")
  stack <- stack_text(call_named("f", list(n = 300))$value$stack)
  expect_length(stack, 100L)
  expect_identical(stack[[1L]], "f(n = n)")
  expect_identical(stack[[100L]], "stop(\"end\") (functions.R:1)")
})

test_that("a call is shown on one line, however much data is in it", {
  expect_identical(runtime$call_text(quote(f(x, "a"))), "f(x, \"a\")")
  large <- as.call(list(as.name("f"), as.numeric(seq_len(1e6)) + 0.5))
  expect_lt(nchar(runtime$call_text(large)), 500L)
  text <- runtime$call_text(as.call(list(as.name("f"), strrep("x", 1e6))))
  expect_lt(nchar(text), 500L)
  expect_no_match(runtime$call_text(quote({
    a
    b
  })), "\n")
  # The source reference of a call is no part of it.
  expect_identical(runtime$call_text(structure(quote(f(x)), srcref = 1L)), "f(x)")
})

test_that("only a call by its name marks where user code begins", {
  expect_true(runtime$is_call_to(quote(stop("x")), "stop"))
  expect_false(runtime$is_call_to(quote(base::stop("x")), "stop"))
  expect_false(runtime$is_call_to(quote((function(x) x)(1)), "function"))
})
