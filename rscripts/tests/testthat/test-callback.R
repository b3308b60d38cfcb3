local_edition(3)

test_that("a callback is answered with JSON or text", {
  f <- function() {
    callback <- durable_callback("approval")
    note(callback$id)
    callback_result(callback)
  }
  expect_identical(result(f, callbacks = list(approval = list(approved = TRUE))), list(approved = TRUE))
  expect_identical(noted(), c("callback-1", "callback-1"))
  text <- structure("plain text", class = "json")
  expect_identical(result(f, callbacks = function(name, id) text), "plain text")
  expect_null(result(f, callbacks = function(name, id) structure("null", class = "json")))
  expect_true(all(noted() == "callback-1"))
})

test_that("a serialiser reads the answer", {
  f <- function() callback_result(durable_callback("c", serialiser = list(read = function(text) as.numeric(text) * 2)))
  expect_identical(result(f, callbacks = list(c = 21)), 42L)
})

test_that("a callback goes on while others are open", {
  f <- function() {
    a <- durable_callback("a")
    b <- durable_callback("b")
    durable_wait(seconds = 5)
    list(callback_result(b), callback_result(a))
  }
  expect_identical(result(f, callbacks = list(a = 1, b = 2)), c(2L, 1L))
})

test_that("a failure, a timeout and a missed heartbeat are errors with classes", {
  f <- function() tryCatch(callback_result(durable_callback("c")), durable_callback_error = function(e) c(e$error_type, conditionMessage(e)))
  answer <- function(name, id) stop(structure(class = c("RejectedError", "error", "condition"), list(message = "not approved", call = NULL)))
  expect_identical(result(f, callbacks = answer), c("RejectedError", "not approved"))
  late <- function() tryCatch(callback_result(durable_callback("c", timeout = 30)), durable_callback_timeout = function(e) e$error_type)
  expect_identical(result(late), "Callback.Timeout")
  silent <- function() tryCatch(callback_result(durable_callback("c", timeout = 30, heartbeat = as.difftime(5, units = "secs"))), durable_callback_timeout = function(e) e$error_type)
  expect_identical(result(silent), "Callback.Heartbeat")
})

test_that("durable_wait_for_callback() passes the id on once, and waits", {
  f <- function() durable_wait_for_callback("approval", function(id) note(id), timeout = 86400)
  got <- execute(f, callbacks = list(approval = list(approved = TRUE)))
  expect_identical(got$result, list(approved = TRUE))
  expect_identical(got$operations$subtype, c("WaitForCallback", "Callback", "Step"))
  expect_identical(noted(), "callback-1")
})

test_that("what fails in it is an error of the callback", {
  refused <- function() durable_wait_for_callback("c", function(id) id)
  error <- execute(refused, callbacks = function(name, id) stop("not approved"))$error
  expect_identical(class(error)[[1L]], "durable_callback_error")
  expect_identical(conditionMessage(error), "not approved")
  late <- execute(function() durable_wait_for_callback("c", function(id) id, timeout = 5))$error
  expect_identical(class(late), c("durable_callback_timeout", "durable_callback_error", "durable_error", "error", "condition"))
  unsent <- execute(function() durable_wait_for_callback("c", function(id) stop("no mail"), retry = backoff(attempts = 2)))
  expect_identical(class(unsent$error)[1:2], c("durable_submit_error", "durable_callback_error"))
  expect_identical(unsent$operations$attempts[[3L]], 2L)
})

test_that("arguments are checked", {
  expect_refusal(function() durable_callback("c", timeout = 0), "timeout must be a number of seconds from 1")
  expect_refusal(function() durable_callback("c", heartbeat = "5"), "heartbeat must be a number")
  expect_refusal(function() durable_wait_for_callback("c", "mail"), "submit must be a function of the callback's id")
  expect_refusal(function() callback_result("id"), "callback must be what durable_callback() returned")
})
