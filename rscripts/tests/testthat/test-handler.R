local_edition(3)

test_that("handler_arguments() tells required arguments from the others", {
  arguments <- runtime$handler_arguments
  expect_identical(
    arguments(function(event, context, a, b = 1, c = NULL, ...) NULL),
    list(
      names = c("event", "context", "a", "b", "c"), given = c("event", "a", "b", "c"), before_dots = c("event", "context", "a", "b", "c"), required = "a", dots = TRUE,
      event = TRUE, context = TRUE
    )
  )
  expect_identical(
    arguments(function() NULL),
    list(names = character(), given = character(), before_dots = character(), required = character(), dots = FALSE, event = FALSE, context = FALSE)
  )
  expect_identical(arguments(sum)$dots, TRUE)
  expect_identical(arguments(function(a, ..., b) NULL)$before_dots, "a")
  expect_identical(arguments(exp)$required, "x")
  expect_identical(arguments(function(x, y = stop("no")) NULL)$required, "x")
})

test_that("required_arguments() are those without which a function cannot be called", {
  required <- runtime$required_arguments
  expect_identical(required(function(event, a, b = 1, ..., c) NULL), c("event", "a", "c"))
  for (f in list(function() NULL, function(a = NULL, ...) NULL, function(...) NULL, gc, sum, interactive)) {
    expect_identical(required(f), character())
  }
})

test_that("a handler that would always fail is refused", {
  check <- function(f) runtime$check_arguments(runtime$new_handler(f, "f"))
  expect_failure_type(check(function(event, n, m) NULL), "Runtime.InvalidArguments",
    "nothing is left for \"n\", \"m\": give them a default")
  for (f in list(function(event) 1, function(event, n = 1, context, ...) 1, function(n) 1)) {
    expect_silent(check(f))
  }
})

define <- function(name, f, env = parent.frame()) {
  in_user_dir(env)
  assign(name, f, envir = globalenv())
}

test_that("call_handler() calls with names, not with data", {
  define("f", function(x, y = 2) match.call())
  expect_identical(call_named("f", list(x = 1:1000))$value, quote(f(x = x)))
  define("g", function(x, ...) list(substitute(x), x, ...))
  expect_identical(call_named("g", list(x = 1, z = 3))$value, list(quote(x), 1, z = 3))
})

test_that("call_handler() keeps arguments that are NULL", {
  define("f", function(x, y) list(missing(x), x, missing(y)))
  expect_identical(call_named("f", list(x = NULL))$value, list(FALSE, NULL, TRUE))
  define("g", function(event) is.null(event))
  expect_identical(call_named("g", list(event = NULL))$value, TRUE)
})

test_that("call_handler() takes an argument of the handler's own name", {
  define("f", function(f, x) list(f, x))
  expect_identical(call_named("f", list(f = 1, x = 2))$value, list(1, 2))
  # Even one that is a function's name, or no valid name at all.
  define("sum", function(...) list(...))
  expect_identical(call_named("sum", list(c = 1, `if` = 2, `a b` = 3))$value, list(c = 1, `if` = 2, `a b` = 3))
})

test_that("call_handler() takes an event without a name", {
  define("f", function(...) ..1)
  expect_identical(call_named("f", list(5))$value, 5)
  define("g", function(..., context) list(..., context = context))
  expect_identical(call_named("g", c(list(5), context = 1))$value, list(5, context = 1))
  # Not even when the handler, a package's, has the name that the value is called by.
  expect_identical(runtime$call_handler(runtime$new_handler(function(...) ..1, "event"), list(5)), 5)
})

test_that("new_handler() knows its kind", {
  handler <- runtime$new_handler(function(x) x, "f")
  expect_identical(handler[c("name", "kind")], list(name = "f", kind = "function"))
  expect_identical(handler$arguments$required, "x")
  expect_identical(runtime$new_handler(runtime$batch_handler(function(record) 1), "f")$kind, "batch")
})
