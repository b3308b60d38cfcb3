local_edition(3)

begin <- function() {
  memory <- runtime$new_memory()
  list(memory = memory, send = runtime$memory_sender(memory))
}

step <- list(id = "1", parent = NULL, type = "STEP", subtype = "Step", name = "s")

test_that("a step goes through its states", {
  e <- begin()
  expect_identical(e$send(c(step, action = "start"), NULL)$status, NULL)
  expect_identical(e$send(c(step, action = "start"), NULL)$status, "STARTED")
  e$send(c(step, list(action = "retry", error = list(type = "t"), delay_seconds = 5)), NULL)
  expect_identical(e$send(c(step, action = "start"), NULL)[c("status", "attempt")], list(status = "PENDING", attempt = 1L))
  expect_true(runtime$skip_time(e$memory))
  expect_identical(e$memory$now - e$memory$began, 5000)
  expect_identical(e$send(c(step, action = "start"), NULL)$status, "READY")
  e$send(c(step, action = "succeed"), "5")
  expect_identical(e$send(c(step, action = "start"), NULL)[c("status", "payload")], list(status = "SUCCEEDED", payload = "5"))
  expect_false(runtime$skip_time(e$memory))
})

test_that("an operation that has changed ends the execution, and names both sides", {
  e <- begin()
  e$send(c(step, action = "start"), NULL)
  other <- step
  other$name <- "t"
  expect_identical(e$send(c(other, action = "start"), NULL), list(stop = TRUE))
  expect_match(e$memory$failure$message, "operation 1 was Step \"s\" and is now Step \"t\"", fixed = TRUE)
  wait <- list(id = "1", parent = NULL, type = "WAIT", subtype = "Wait", name = NULL, action = "start", wait_seconds = 1)
  e$send(wait, NULL)
  expect_match(e$memory$failure$message, "was Step \"s\" and is now Wait:", fixed = TRUE)
})

test_that("time skips to the next moment only", {
  e <- begin()
  wait <- function(id, seconds) e$send(list(id = id, type = "WAIT", subtype = "Wait", action = "start", wait_seconds = seconds), NULL)$status
  expect_identical(c(wait("1", 10), wait("2", 3)), c("STARTED", "STARTED"))
  runtime$skip_time(e$memory)
  expect_identical(c(wait("1", 10), wait("2", 3)), c("STARTED", "SUCCEEDED"))
  expect_identical(length(runtime$open_operations(e$memory)), 1L)
})

test_that("the handler's replay is detected as non-deterministic, whatever it catches", {
  f <- function() {
    tryCatch(if (is_replaying()) durable_step("b", 1) else durable_step("a", 1), condition = function(cond) "caught")
    durable_wait(seconds = 1)
  }
  got <- execute(f)
  expect_identical(c(got$status, got$invocations), c("FAILED", "2"))
  expect_s3_class(got$error, "NonDeterministicExecution")
})
