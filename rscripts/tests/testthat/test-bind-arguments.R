local_edition(3)

# bind() returns the arguments that the event of this JSON text gives a function.
bind <- function(f, text = "") bind_arguments(text, f)

expect_refused <- function(f, text, ...) {
  expect_failure_type(bind(f, text), "Runtime.InvalidArguments", ...)
}

test_that("the keys of an object are the arguments", {
  expect_identical(bind(function(a, b = 1) NULL, "{\"a\":2}"), list(a = 2L))
  expect_identical(bind(function(a, b = 1) NULL, "{\"b\":[1,2],\"a\":\"x\"}"), list(b = 1:2, a = "x"))
  expect_length(bind(function(a = 1) NULL, "{}"), 0L)
  expect_length(bind(function() NULL, "{}"), 0L)
  expect_identical(bind(function(a) NULL, "{\"a\":null}"), list(a = NULL))
})

test_that("keys that are not arguments are refused with a list of those that are", {
  expect_refused(
    function(number, base = 10) NULL, "{\"num\":1}",
    "unknown argument \"num\"", "handler takes number, [base] ([optional])"
  )
  expect_refused(function(x) NULL, "{\"x\":1,\"a\":2,\"b\":3}", "unknown arguments \"a\", \"b\"")
  expect_refused(function() NULL, "{\"a\":1}", "handler takes no arguments")
  expect_refused(function(...) NULL, "{\"\":1}", "unknown argument \"\"")
  expect_refused(function(x) NULL, "{\"\":1}", "unknown argument \"\"")
})

test_that("a message does not grow with the event", {
  keys <- paste0("\"", strrep("k", 50L), seq_len(1000L), "\":1", collapse = ",")
  failed <- failure(bind(function(x) NULL, paste0("{", keys, "}")))
  expect_lt(nchar(conditionMessage(failed)), 2000L)
})

test_that("missing arguments are named", {
  expect_refused(function(a, b, c = 1) NULL, "{\"a\":1}", "missing argument \"b\"", "handler takes a, b, [c]")
  expect_refused(function(a, b) NULL, "{}", "missing arguments \"a\", \"b\"")
  expect_refused(function(a) NULL, "", "missing argument \"a\"")
  expect_refused(function(a) NULL, "null", "missing argument \"a\"")
  expect_refused(function(a, b) NULL, "1", "missing argument \"b\"")
})

test_that("a key that comes twice is refused", {
  expect_refused(function(a) NULL, "{\"a\":1,\"a\":2}", "\"a\" more than once")
  expect_refused(function(...) NULL, "{\"a\":1,\"\\u0061\":2}", "\"a\" more than once")
})

test_that("`...` takes every other key", {
  expect_identical(bind(function(a, ...) NULL, "{\"z\":1,\"a\":2}"), list(z = 1L, a = 2L))
  expect_refused(function(a, ...) NULL, "{\"z\":1}", "missing argument \"a\"", "handler takes a, ...")
})

test_that("`...` takes no key that R cannot pass as an argument's name", {
  for (key in c("...", "..1", strrep("k", 10001L))) {
    expect_refused(function(...) NULL, paste0("{\"", key, "\":1}"))
  }
})

test_that("a formal `event` gets the whole event", {
  takes_event <- function(event) NULL
  expect_identical(bind(takes_event, "{\"a\":1,\"b\":null}"), list(event = list(a = 1L, b = NULL)))
  expect_identical(bind(takes_event, "{\"event\":1}"), list(event = list(event = 1L)))
  expect_identical(bind(takes_event, "[1,2]"), list(event = 1:2))
  expect_identical(bind(takes_event, "null"), list(event = NULL))
  expect_identical(bind(takes_event, ""), list(event = NULL))
})

test_that("`context` is the runtime's to give", {
  expect_length(bind(function(context) NULL, "{}"), 0L)
  expect_refused(function(context) NULL, "{\"context\":1}", "unknown argument \"context\"")
  expect_refused(function(context) NULL, "1", "the event is not a JSON object")
  expect_identical(bind(function(context, a) NULL, "1"), list(a = 1L))
})

test_that("an event that is not an object is the first argument", {
  expect_identical(bind(function(x) NULL, "5"), list(x = 5L))
  expect_identical(bind(function(x, y = 1) NULL, "[1,2]"), list(x = 1:2))
  expect_identical(bind(function(x) NULL, "\"a\""), list(x = "a"))
  expect_identical(bind(function(...) NULL, "5"), list(5L))
  expect_refused(function() NULL, "5", "the event is not a JSON object", "handler takes no arguments")
})

test_that("a byte order mark is not part of the JSON", {
  expect_identical(bind(function(a) NULL, "\ufeff{\"a\":1}"), list(a = 1L))
  expect_identical(bind(function(a) NULL, "\ufeff [1,2]"), list(a = 1:2))
  expect_length(bind(function() NULL, "\ufeff"), 0L)
})

test_that("R matches no argument before `...` by the beginning of its name", {
  partial <- function(number = 2, context, ...) NULL
  expect_refused(partial, "{\"num\":5}", "unknown argument \"num\", which R would take for \"number\": handler takes [number], ...")
  expect_refused(function(number, ...) NULL, "{\"n\":5,\"z\":1}", "\"n\", which R would take for \"number\"")
  expect_identical(bind(partial, "{\"num\":5,\"number\":1}"), list(num = 5L, number = 1L))
  expect_identical(bind(partial, "{\"numbers\":5,\"con\":1}"), list(numbers = 5L, con = 1L))
  expect_identical(bind(function(..., number = 2) NULL, "{\"num\":5}"), list(num = 5L))
})

test_that("an event that is not an object goes to `...` if that comes first", {
  expect_identical(bind(function(..., verbose = FALSE) NULL, "[1,2]"), list(1:2))
  expect_identical(bind(function(context, ..., verbose = FALSE) NULL, "5"), list(5L))
  expect_identical(bind(sum, "[1,2,3]"), list(1:3))
  expect_identical(bind(function(x, ...) NULL, "5"), list(x = 5L))
  expect_refused(function(..., must) NULL, "5", "missing argument \"must\"")
})

test_that("a message does not grow with a key", {
  failed <- failure(bind(function(x) NULL, paste0("{\"", strrep("k", 20000L), "\":1,\"\\ud800\":2}")))
  expect_match(conditionMessage(failed), "^unknown arguments \"k{100}[.]{3}\", \"[^\"]+\": handler takes x$")
})

test_that("very many arguments for ... are refused, with a way out", {
  text <- function(n) paste0("{", paste0("\"k", seq_len(n), "\":1", collapse = ","), "}")
  expect_failure_type(
    bind_arguments(text(10001L), function(...) NULL), "Runtime.InvalidArguments",
    "more than 10000 arguments", "a handler with an argument event gets an event of any size"
  )
  expect_length(bind_arguments(text(10000L), function(...) NULL), 10000L)
  expect_length(bind_arguments(text(10001L), function(event) NULL)$event, 10001L)
})
