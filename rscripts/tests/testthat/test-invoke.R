local_edition(3)

# bind() binds the event of this JSON text to a function's arguments.
bind <- function(f, text = "") {
  runtime$bind_arguments(runtime$read_event(charToRaw(text), f), runtime$handler_arguments(f), "handler")
}

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

test_that("keys that are no arguments are refused with the ones that are", {
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

test_that("an event that is no object is the first argument", {
  expect_identical(bind(function(x) NULL, "5"), list(x = 5L))
  expect_identical(bind(function(x, y = 1) NULL, "[1,2]"), list(x = 1:2))
  expect_identical(bind(function(x) NULL, "\"a\""), list(x = "a"))
  expect_identical(bind(function(...) NULL, "5"), list(5L))
  expect_refused(function() NULL, "5", "the event is not a JSON object", "handler takes no arguments")
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
  expect_identical(runtime$call_handler(function(...) ..1, "event", list(5)), 5)
})

test_that("encode_or_fail() names what cannot be encoded", {
  expect_identical(runtime$encode_or_fail(list(a = 1)), "{\"a\":1}")
  expect_failure_type(
    runtime$encode_or_fail(list(ok = 1, fit = list(2, globalenv()))),
    "Runtime.MarshalError", "result$fit[[2]]", "environment"
  )
})

# answer_frames() answers one invocation of `handler` and returns the reply's control
# frame, parsed, and its payload as text.
answer_frames <- function(handler, event = "") {
  io <- file_pipes()
  runtime$answer(io, list(id = "1"), charToRaw(event), handler, "handler", runtime$handler_arguments(handler))
  con <- file(runtime$reply_path, "rb", raw = TRUE)
  withr::defer(close(con))
  control <- rawToChar(runtime$read_frame(con))
  payload <- runtime$read_frame(con)
  list(control = jsonlite::parse_json(control), payload = if (!is.null(payload)) rawToChar(payload))
}

test_that("an invocation is answered with a result or an error", {
  got <- answer_frames(function(x) list(y = x), "{\"x\":2}")
  expect_identical(got$control[c("type", "id")], list(type = "result", id = "1"))
  expect_true(is.numeric(got$control$r_ms))
  expect_identical(got$payload, "{\"y\":2}")

  got <- answer_frames(function() stop("no"))
  expect_identical(got$control[c("type", "id")], list(type = "error", id = "1"))
  expect_identical(got$control$error[c("type", "message")], list(type = "simpleError", message = "no"))
  expect_null(got$payload)
})

test_that("options that user code sets do not change how frames are written", {
  withr::local_options(OutDec = ".", scipen = 0L, digits = 7L)
  handler <- function() {
    options(OutDec = ",", scipen = -20L, digits = 1L)
    1.25
  }
  # A whole number of milliseconds would hide a decimal comma: not five times.
  for (got in replicate(5L, answer_frames(handler), simplify = FALSE)) {
    expect_identical(got$control$type, "result")
    expect_identical(got$payload, "1.25")
  }
})

test_that("a byte order mark is no part of the JSON", {
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

test_that("what is no object goes to `...` where that is first", {
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

test_that("JSON that is nested too deeply is told as such", {
  for (n in c(3000L, 100000L)) {
    text <- paste0(strrep("[", n), strrep("]", n))
    expect_failure_type(bind(function(x) NULL, text), "Runtime.UnmarshalError", "the event is nested too deeply for R")
  }
})
