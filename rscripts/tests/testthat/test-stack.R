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

test_that("the stack of a file's top level begins in the file", {
  in_user_dir()
  top <- function(line) {
    writeLines(c("x <- 1", line), "functions.R")
    stack_text(failure(runtime$source_user("functions.R"))$stack)
  }
  expect_identical(top("stop(\"no\")"), "stop(\"no\")")
  expect_identical(top("x + \"a\""), "x + \"a\"")
  expect_identical(top("tryCatch(stop(\"no\"), warning = identity)"), c("tryCatch(stop(\"no\"), warning = identity)", "stop(\"no\")"))
})

test_that("a deep recursion is cut in the middle", {
  source_code("f <- function(n) if (n == 0) stop(\"end\") else f(n - 1)")
  stack <- stack_text(call_named("f", list(n = 300))$value$stack)
  expect_length(stack, 101L)
  expect_identical(stack[[1L]], "f(n = n)")
  expect_identical(stack[[51L]], "... (202 calls left out)")
  expect_identical(stack[[101L]], "stop(\"end\") (functions.R:1)")
})

# stack_of() returns the stack of the error of a function of the global environment.
stack_of <- function(name) stack_text(call_named(name)$value$stack)

test_that("a stack leaves out how base R handles conditions and evaluates code", {
  source_code(c(
    "deep <- function() {",
    "  stop(\"no\")",
    "}",
    "caught <- function() {",
    "  tryCatch(deep(), warning = identity, finally = NULL)",
    "}",
    "again <- function() {",
    "  tryCatch(deep(), error = function(e) stop(e))",
    "}",
    "calling <- function() {",
    "  withCallingHandlers(deep(), error = function(e) {",
    "    stop(\"because: \", conditionMessage(e))",
    "  })",
    "}",
    "primitive <- function() {",
    "  withCallingHandlers(1 + \"a\", error = function(e) stop(\"sum\"))",
    "}",
    "quiet <- function() suppressWarnings(deep())",
    "evaluated <- function() eval(quote(deep()))",
    "in_local <- function() {",
    "  local({",
    "    deep()",
    "  })",
    "}"
  ))
  deep <- "stop(\"no\") (functions.R:2)"
  expect_identical(stack_of("caught"), c(
    "caught()", "tryCatch(deep(), warning = identity, finally = NULL) (functions.R:5)", "deep()", deep
  ))
  expect_identical(stack_of("again"), c(
    "again()", "tryCatch(deep(), error = function(e) stop(e)) (functions.R:8)", "stop(e) (functions.R:8)"
  ))
  expect_identical(stack_of("calling"), c(
    "calling()", "withCallingHandlers(deep(), error = function(e) { ... (functions.R:11)", "deep()", deep,
    "stop(\"because: \", conditionMessage(e)) (functions.R:12)"
  ))
  expect_identical(stack_of("primitive"), c(
    "primitive()", "withCallingHandlers(1 + \"a\", error = function(e) stop(\"sum\")) (functions.R:16)",
    "1 + \"a\"", "stop(\"sum\") (functions.R:16)"
  ))
  expect_identical(stack_of("quiet"), c("quiet()", "suppressWarnings(deep()) (functions.R:18)", "deep()", deep))
  expect_identical(stack_of("evaluated"), c("evaluated()", "eval(quote(deep())) (functions.R:19)", "deep()", deep))
  expect_identical(stack_of("in_local"), c("in_local()", "local({ ... (functions.R:21)", "deep() (functions.R:22)", deep))
})

test_that("a stack has the call that applies a function, and the function without a name", {
  source_code(c(
    "each <- function() {",
    "  lapply(1:3, function(i) {",
    "    if (i == 2) stop(\"two\")",
    "  })",
    "}",
    "several <- function() mapply(function(a, b) stop(\"both\"), 1, 2)",
    "anonymous <- function() (function(x) x + \"a\")(1)",
    "done <- function() do.call(function(x) stop(\"done\"), list(as.numeric(1:1e6)))",
    "method <- function() format(structure(1, class = \"odd_class\"))",
    "format.odd_class <- function(x, ...) {",
    "  stop(\"odd\")",
    "}"
  ))
  expect_identical(stack_of("each"), c(
    "each()", "lapply(1:3, function(i) { ... (functions.R:2)", "FUN(X[[i]], ...)", "stop(\"two\") (functions.R:3)"
  ))
  expect_identical(stack_of("several"), c(
    "several()", "mapply(function(a, b) stop(\"both\"), 1, 2) (functions.R:6)",
    "(function(a, b) ...)(dots[[1L]][[1L]], dots[[2L]][[1L]])", "stop(\"both\") (functions.R:6)"
  ))
  expect_identical(stack_of("anonymous"), c(
    "anonymous()", "(function(x) x + \"a\")(1) (functions.R:7)", "x + \"a\" (functions.R:7)"
  ))
  done <- stack_of("done")
  expect_identical(done[c(2L, 4L)], c(
    "do.call(function(x) stop(\"done\"), list(as.numeric(1:1e+06))) (functions.R:8)", "stop(\"done\") (functions.R:8)"
  ))
  expect_match(done[[3L]], "(function(x) ...)(c(1, 2, 3,", fixed = TRUE)
  expect_lt(nchar(done[[3L]]), 410L)
  expect_identical(stack_of("method"), c(
    "method()", "format(structure(1, class = \"odd_class\")) (functions.R:9)",
    "format.odd_class(structure(1, class = \"odd_class\"))", "stop(\"odd\") (functions.R:11)"
  ))
})

test_that("the innermost frame is the call that failed, with its line", {
  source_code(c(
    "condition <- function() {",
    "  x <- NA",
    "  if (x) 1",
    "}",
    "element <- function() {",
    "  x <- list(1)",
    "  x[[5]]",
    "}",
    "asserted <- function() {",
    "  stopifnot(\"x is odd\" = FALSE)",
    "}",
    "matched <- function(type = c(\"a\", \"b\")) {",
    "  type <- \"z\"",
    "  match.arg(type)",
    "}",
    "qualified <- function() base::stop(\"no\")",
    "signalled <- function() {",
    "  signalCondition(structure(class = c(\"own\", \"error\", \"condition\"), list(message = \"m\")))",
    "}",
    "promised <- function() {",
    "  utils::head(stop(\"lazy\"))",
    "}",
    "leaving <- function() {",
    "  on.exit({",
    "    stop(\"left\")",
    "  })",
    "}"
  ))
  last_of <- function(name) {
    stack <- stack_of(name)
    stack[[length(stack)]]
  }
  expect_identical(last_of("condition"), "if (x) 1 (functions.R:3)")
  expect_identical(last_of("element"), "x[[5]] (functions.R:7)")
  expect_identical(last_of("asserted"), "stopifnot(`x is odd` = FALSE) (functions.R:10)")
  expect_identical(stack_of("matched")[[2L]], "match.arg(type) (functions.R:14)")
  expect_identical(stack_of("qualified"), c("qualified()", "base::stop(\"no\") (functions.R:16)"))
  expect_match(last_of("signalled"), "^signalCondition\\(.* \\(functions\\.R:18\\)$")
  expect_identical(stack_of("promised"), c("promised()", "utils::head(stop(\"lazy\")) (functions.R:21)", "stop(\"lazy\")"))
  expect_identical(last_of("leaving"), "stop(\"left\") (functions.R:25)")
})

test_that("a stack leaves out what the runtime's functions do inside", {
  source_code(c(
    "answers <- function() {",
    "  html_response(\"x\", headers = list(\"X\\n\" = \"1\"))",
    "}",
    "draws <- function() {",
    "  png_response(picture(\"a\"))",
    "}",
    "picture <- function(x) {",
    "  lapply(1, function(i) plot(-1 + x))",
    "}",
    "stops <- function() {",
    "  tryCatch(stop_html(\"no\"), warning = identity)",
    "}"
  ))
  for (name in c("html_response", "png_response", "stop_html")) {
    assign(name, runtime[[name]], globalenv())
  }
  expect_identical(stack_of("answers"), c("answers()", "html_response(\"x\", headers = list(`X\\n` = \"1\")) (functions.R:2)"))
  expect_identical(stack_of("draws")[1:4], c(
    "draws()", "png_response(picture(\"a\")) (functions.R:5)", "picture(\"a\")", "lapply(1, function(i) plot(-1 + x)) (functions.R:8)"
  ))
  expect_match(stack_of("draws"), "^-1 \\+ x", all = FALSE)
  expect_identical(stack_of("stops"), c(
    "stops()", "tryCatch(stop_html(\"no\"), warning = identity) (functions.R:11)", "stop_html(\"no\")"
  ))
})

test_that("rlang's own frames are not in a stack", {
  needs(rlang = "1.0")
  source_code(c(
    "aborts <- function() {",
    "  rlang::abort(\"no\", class = \"own\")",
    "}",
    "fetched <- function() {",
    "  rlang::try_fetch(aborts(), error = function(e) {",
    "    rlang::abort(\"more\", parent = e)",
    "  })",
    "}"
  ))
  expect_identical(stack_of("aborts"), c("aborts()", "rlang::abort(\"no\", class = \"own\") (functions.R:2)"))
  expect_identical(stack_of("fetched"), c(
    "fetched()", "rlang::try_fetch(aborts(), error = function(e) { ... (functions.R:5)",
    "aborts()", "rlang::abort(\"no\", class = \"own\") (functions.R:2)",
    "rlang::abort(\"more\", parent = e) (functions.R:6)"
  ))
})

test_that("a warning that options(warn = 2) makes an error has its line", {
  withr::local_options(warn = 2L)
  source_code(c(
    "in_c <- function() {",
    "  as.integer(\"x\")",
    "}",
    "in_r <- function() {",
    "  warning(\"careful\")",
    "}"
  ))
  expect_identical(stack_of("in_c"), c("in_c()", "warning(\"NAs introduced by coercion\") (functions.R:2)"))
  expect_identical(stack_of("in_r"), c("in_r()", "warning(\"careful\") (functions.R:5)"))
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
  expect_identical(runtime$call_text(quote(f({
    a
  }))), "f({ ...")
  # A function without a name has its arguments, one of C code what R shows of it.
  expect_identical(runtime$call_text(as.call(list(function(a, ...) NULL, 1, b = quote(x)))), "(function(a, ...) ...)(1, b = x)")
  expect_identical(runtime$call_text(as.call(list(sum, 1))), ".Primitive(\"sum\")(1)")
  # The source reference of a call is not part of it.
  expect_identical(runtime$call_text(structure(quote(f(x)), srcref = 1L)), "f(x)")
})

test_that("a stack that cannot be made is empty", {
  expect_identical(runtime$without_fail(stop("no")), list())
  expect_identical(runtime$without_fail(runtime$trace_stack("no trace")), list())
  expect_identical(runtime$trace_stack(NULL), list())
})

test_that("called_name() knows a function by its name, with its package or without", {
  expect_identical(runtime$called_name(quote(f(1))), "f")
  expect_identical(runtime$called_name(quote(p::f(1))), "f")
  expect_identical(runtime$called_name(quote(p:::f(1))), "f")
  expect_identical(runtime$called_name(quote(x$f(1))), "")
  expect_identical(runtime$called_name(quote((function(x) x)(1))), "")
  expect_identical(runtime$called_name(as.call(list(sum, 1))), "")
})

test_that("only a call by its name marks where user code begins", {
  expect_true(runtime$is_call_to(quote(stop("x")), "stop"))
  expect_false(runtime$is_call_to(quote(base::stop("x")), "stop"))
  expect_false(runtime$is_call_to(quote((function(x) x)(1)), "function"))
})
