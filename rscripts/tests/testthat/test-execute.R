local_edition(3)

test_that("invoke_handler() returns the result of a durable handler, or its error", {
  local_desk()
  report <- desk$durable(function(month) {
    durable_wait(days = 1)
    list(month = durable_step("load", month))
  })
  expect_identical(desk$invoke_handler(report, list(month = "May")), list(month = "May"))
  expect_identical(desk$invoke_handler(report, list(month = "May"), as = "json"), "{\"month\":\"May\"}")
  expect_error(desk$invoke_handler(desk$durable(function() stop("no")), list()), "^no$")
  code <- "f <- durable(function(a) durable_step(\"s\", a + 1))"
  expect_identical(invoke(code, list(a = 2)), 3L)
  expect_error(desk$invoke_handler(desk$durable(function() 1), list(a = 1)), class = "Runtime.InvalidArguments")
})

test_that("as = \"execution\" is for durable handlers", {
  local_desk()
  expect_error(desk$invoke_handler(function() 1, as = "execution"), "is for durable handlers, see durable()", fixed = TRUE)
})

test_that("what nobody answers is an error with the fix", {
  expect_error(execute(function() callback_result(durable_callback("approval"))), "waits for the callback \"approval\", and nothing answers: give callbacks = ")
  expect_error(execute(function() durable_invoke("other")), "invokes \"other\", and nothing answers: give invokes = list(`other` = ", fixed = TRUE)
  expect_error(execute(function() 1, callbacks = 5), "callbacks must be a function, or a list with names")
})

test_that("callbacks of a list are answered by name, others time out", {
  f <- function() {
    a <- durable_callback("a", timeout = 5)
    b <- durable_callback("b", timeout = 5)
    c(callback_result(a), tryCatch(callback_result(b), durable_callback_timeout = function(e) "late"))
  }
  expect_identical(result(f, callbacks = list(a = "yes")), c("yes", "late"))
})

test_that("an execution that never ends is ended", {
  old <- desk$most_invocations
  on.exit(desk$most_invocations <- old)
  desk$most_invocations <- 5L
  expect_error(execute(function() repeat durable_wait(seconds = 1)), "was suspended 5 times and has not returned")
})

test_that("the session is as it was", {
  local_desk()
  desk$invoke_handler(desk$durable(function() options(digits = 3)), list())
  expect_identical(getOption("digits"), 7L)
  expect_null(desk$current$durable)
})
