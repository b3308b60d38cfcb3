local_edition(3)

custom_error <- function(...) structure(class = c(..., "error", "condition"), list(message = "busy", call = NULL))

test_that("errors are conditions of their operation, with the classes of the original, also in a replay", {
  f <- function() {
    a <- tryCatch(
      durable_step("load", stop(structure(class = c("http_503", "http_error", "error", "condition"), list(message = "busy", call = NULL))), retry = NULL),
      http_error = function(e) list(class = class(e), message = conditionMessage(e), type = e$error_type, name = e$name, own = e$error_message)
    )
    durable_wait(seconds = 1)
    a
  }
  got <- result(f)
  expect_identical(got$class, c("durable_step_error", "http_503", "http_error", "durable_error", "error", "condition"))
  expect_identical(got$message, "the step \"load\" failed: busy")
  expect_identical(got[c("type", "name", "own")], list(type = "http_503", name = "load", own = "busy"))
})

test_that("the original condition does not reach a tryCatch() around the operation", {
  f <- function() {
    tryCatch(durable_step("load", stop("boom"), retry = NULL), simpleError = function(e) "original", error = function(e) class(e)[[1L]])
  }
  expect_identical(result(f), "durable_step_error")
})

test_that("what a step catches itself is no failure", {
  f <- function() durable_step("load", tryCatch(stop("boom"), error = function(e) "caught"))
  expect_identical(result(f), "caught")
  warns <- function() durable_step("load", tryCatch(warning("w"), warning = function(w) "caught"))
  expect_identical(result(warns), "caught")
})

test_that("all that stops code is an error of its step", {
  recursion <- function() {
    f <- function(n) f(n + 1)
    durable_step("r", f(1), retry = NULL)
  }
  expect_match(conditionMessage(execute(recursion)$error), "infinite recursion")
  expect_match(conditionMessage(execute(function() durable_step("r", stop(custom("odd", message = "m")), retry = NULL))$error), "failed: m")
  expect_match(conditionMessage(execute(function() durable_step("r", log("a"), retry = NULL))$error), "non-numeric argument")
})

test_that("an ErrorObject has a type, a message, classes and a stack of text", {
  error <- runtime$error_object(custom_error("a", "b"), list(list(call = "f(x)", file = "f.R", line = 3L)))
  expect_identical(error$type, "a")
  expect_identical(error$message, "busy")
  expect_identical(jsonlite::fromJSON(error$data)$class, c("a", "b"))
  expect_identical(unclass(error$stack), "  at f(x) (f.R:3)")
  long <- runtime$error_object(simpleError(strrep("x", 1e6)), rep(list(list(call = "f()")), 500L))
  expect_lt(nchar(runtime$control_json(error = long), "bytes"), 32768)
  expect_identical(runtime$error_object(runtime$new_fail("Runtime.X", "m"))$type, "Runtime.X")
})

test_that("a stored error cannot stand for an interrupt or a warning", {
  cond <- runtime$stored_condition("durable_step_error", "the step", list(type = "t", message = "m", data = "{\"class\":[\"interrupt\",\"warning\",\"message\",\"ok\",5]}"), "s")
  expect_identical(class(cond), c("durable_step_error", "ok", "durable_error", "error", "condition"))
  plain <- runtime$stored_condition("durable_step_error", "the step", list(type = "t", data = "no JSON"), NULL)
  expect_identical(conditionMessage(plain), "the step failed: t")
})

test_that("the stack of an error is stored", {
  local_desk()
  writeLines(c("inner <- function() stop(\"boom\")", "f <- durable(function() durable_step(\"s\", inner(), retry = NULL))"), "functions.R")
  error <- tryCatch(suppressMessages(desk$invoke_handler("functions.f")), error = function(e) e)
  expect_match(error$stack_trace, "inner()", fixed = TRUE, all = FALSE)
})
