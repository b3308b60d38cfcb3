local_edition(3)

test_that("a state is checked until it is done", {
  f <- function(most) {
    durable_until("count", function(state) {
      note(state)
      state + 1L
    }, state = 0L, done = function(state) state >= most, every = 2)
  }
  got <- execute(f, list(most = 3))
  expect_identical(got$result, 3L)
  expect_identical(c(got$invocations, got$seconds, got$operations$attempts), c(3, 4, 3))
  expect_identical(noted(), 0:2)
})

test_that("a check can return TRUE, and take the attempt", {
  f <- function() durable_until("ready", function(state, attempt) attempt == 2L)
  got <- execute(f)
  expect_true(got$result)
  expect_identical(got$seconds, 30)
})

test_that("pauses can depend on state and attempt", {
  f <- function() durable_until("ready", function(state, attempt) attempt == 3L, every = function(state, attempt) 10 * attempt)
  expect_identical(execute(f)$seconds, 30)
})

test_that("a state keeps its type", {
  f <- function() {
    state <- durable_until("poll", function(s) list(status = if (s$n >= 1) "DONE" else "PENDING", n = s$n + 1, at = factor("a")),
      state = list(status = "PENDING", n = 0), done = function(s) s$status == "DONE")
    c(state$status, class(state$at), typeof(state$n))
  }
  expect_identical(result(f), c("DONE", "factor", "double"))
})

test_that("errors and exhausted attempts are final", {
  failed <- execute(function() durable_until("poll", function(s) stop("down")))
  expect_identical(failed$invocations, 1L)
  expect_identical(class(failed$error)[[1L]], "durable_condition_error")
  late <- execute(function() durable_until("poll", function(s) FALSE, attempts = 3, every = 1))
  expect_identical(late$invocations, 3L)
  expect_match(conditionMessage(late$error), "the condition \"poll\" failed: it is not reached after 3 attempts")
  expect_true(execute(function() durable_until("poll", function(s, attempt) attempt == 3, attempts = 3))$result)
})

test_that("arguments are checked", {
  expect_refusal(function() durable_until("p", 1), "check and done must be functions")
  expect_refusal(function() durable_until("p", function(s) TRUE, every = 0), "every must be a number of seconds from 1")
  expect_refusal(function() durable_until("p", function(s) TRUE, attempts = 0), "attempts must be a whole number")
  expect_refusal(function() durable_until("p", function(s) 5, done = function(s) "no"), "done() must return TRUE or FALSE")
})
