local_edition(3)

test_that("another function gets the payload and returns its result", {
  f <- function(n) durable_invoke("double", list(n = n), name = "twice")
  got <- execute(f, list(n = 4), invokes = list(double = function(payload) payload$n * 2))
  expect_identical(got$result, 8L)
  expect_identical(got$operations$name, "twice")
  expect_null(result(function() durable_invoke("echo"), invokes = function(function_name, payload) payload))
})

test_that("serialisers make the payload, and read the result", {
  f <- function() durable_invoke("echo", "hello", serialiser = list(write = function(x) paste0("\"", toupper(x), "\""), read = function(text) paste("read", text)))
  expect_identical(result(f, invokes = list(echo = function(payload) payload)), "read \"HELLO\"")
})

test_that("a function that fails is an error with a class", {
  f <- function() tryCatch(durable_invoke("other"), durable_invoke_error = function(e) c(e$error_type, conditionMessage(e)))
  expect_identical(result(f, invokes = list(other = function(payload) stop("down"))), c("simpleError", "the invocation of \"other\" failed: down"))
})

test_that("arguments are checked", {
  expect_refusal(function() durable_invoke("no such name!"), "must be the name or the ARN of a Lambda function")
  expect_refusal(function() durable_invoke("f", tenant_id = 1), "tenant_id must be one string")
  expect_refusal(function() durable_invoke("f", paste(rep("x", 3e5), collapse = "")), "the payload of durable_invoke(\"f\") has 300,002 bytes")
  expect_identical(execute(function() durable_invoke("f", sum))$invocations, 1L)
})
