local_edition(3)

test_that("a step runs once, and not at all when its value is stored", {
  f <- function(x) {
    a <- durable_step("load", {
      note("load")
      x * 2
    })
    durable_wait(seconds = 1)
    durable_wait(seconds = 1)
    a
  }
  got <- execute(f, list(x = 3))
  expect_identical(got$result, 6L)
  expect_identical(got$invocations, 3L)
  expect_identical(noted(), "load")
})

test_that("the value of the first run is that of a replay", {
  f <- function() {
    e <- durable_step("env", list2env(list(a = 1), new.env(parent = emptyenv())))
    note(e$a)
    e$a <- 2
    durable_wait(seconds = 1)
    durable_step("f", factor("b"))
  }
  got <- execute(f)
  expect_identical(noted(), c(1, 1))
  classes <- function() c(class(durable_step("a", factor("b"))), typeof(durable_step("b", 1)), typeof(durable_step("c", 1L)))
  expect_identical(result(classes), c("factor", "double", "integer"))
})

test_that("the code has an environment of its own", {
  f <- function() {
    x <- 1
    y <- durable_step("s", {
      x <- 2
      z <- 3
      return(x + z)
    })
    list(x, y, exists("z", inherits = FALSE))
  }
  expect_identical(result(f), c(1L, 5L, 0L))
  wrapped <- function() {
    logged <- function(name, code) durable_step(name, code)
    a <- 4
    logged("s", {
      note("once")
      a
    })
  }
  expect_identical(result(wrapped), 4L)
  expect_identical(noted(), "once")
})

test_that("a step is tried again after a pause, and then fails for good", {
  f <- function() {
    durable_step("flaky", {
      note("try")
      if (length(ran$log) < 3) stop("busy")
      "ok"
    }, retry = backoff(attempts = 5, first = 2, factor = 3, jitter = FALSE))
  }
  got <- execute(f)
  expect_identical(c(got$result, got$invocations, got$seconds), c("ok", "3", "8"))
  expect_identical(got$operations$attempts, 3L)
  expect_identical(length(noted()), 3L)
  never <- execute(function() durable_step("s", stop("busy"), retry = backoff(attempts = 4, first = 1)))
  expect_identical(c(never$status, never$invocations), c("FAILED", "4"))
  expect_s3_class(never$error, "durable_step_error")
  expect_identical(execute(function() durable_step("s", stop("busy"), retry = NULL))$invocations, 1L)
})

# interrupted() runs a handler whose first step has been started in an invocation that died.
interrupted <- function(f, env = parent.frame()) {
  local_desk(env)
  memory <- desk$new_memory()
  desk$memory_sender(memory)(list(id = "1", type = "STEP", subtype = "Step", name = "s", action = "start"), NULL)
  execution <- desk$new_execution(desk$memory_frame(memory), desk$memory_sender(memory))
  list(value = suppressMessages(desk$run_durable(execution, f)), stored = memory$operations[["1"]])
}

test_that("an interrupted step runs again, unless it is to run at most once", {
  again <- interrupted(function() durable_step("s", "done"))
  expect_identical(again$value, "done")
  expect_error(
    interrupted(function() durable_step("s", note("ran"), retry = NULL, at_most_once = TRUE)),
    "attempt 1 was interrupted", class = "durable_step_interrupted"
  )
  expect_null(noted())
  retried <- interrupted(function() durable_step("s", note("ran"), retry = function(error, attempt) 7, at_most_once = TRUE))
  expect_identical(retried$stored$status, "PENDING")
  expect_null(noted())
})

test_that("a start is awaited only if that matters", {
  sent <- list()
  send <- function(operation, payload) {
    sent[[length(sent) + 1L]] <<- operation
    list()
  }
  frame <- list(arn = "arn", started_ms = 0, known = list())
  runtime$run_durable(runtime$new_execution(frame, send), function() {
    runtime$durable_step("a", 1)
    runtime$durable_step("b", 1, at_most_once = TRUE)
  })
  expect_identical(vapply(sent, function(x) x$action, ""), c("start", "succeed", "start", "succeed"))
  expect_null(sent[[1L]]$await)
  expect_true(sent[[3L]]$await)
})

test_that("a value that cannot be stored fails the step at once", {
  large <- execute(function() durable_step("big", paste(sample(letters, 5e5, TRUE), collapse = "")))
  expect_identical(large$invocations, 1L)
  expect_match(conditionMessage(large$error), "durable_step(\"big\") has 500,002 bytes", fixed = TRUE)
  expect_match(conditionMessage(large$error), "keep it in S3 and return the key")
  pointer <- execute(function() durable_step("open", file(tempfile(), "w")))
  expect_identical(pointer$invocations, 1L)
  expect_match(conditionMessage(pointer$error), "connection")
  closeAllConnections()
})

test_that("a variable as the code is warned of once", {
  f <- function(event) {
    x <- event$a
    durable_step("s", x)
    for (i in 1:2) durable_step("u", x)
    durable_step("t", event)
    durable_wait(seconds = 1)
  }
  local_desk()
  messages <- testthat::capture_messages(desk$invoke_handler(desk$durable(f), list(a = 1)))
  expect_match(messages, "durable_step(\"s\") has the variable x as its code", fixed = TRUE)
  expect_length(messages, 1L)
})

test_that("a function as the code is warned of", {
  local_desk()
  f <- function() durable_step("s", function(x) x + 1, serialiser = list(write = function(value) "f"))
  messages <- testthat::capture_messages(try(desk$invoke_handler(desk$durable(f)), silent = TRUE))
  expect_match(messages, "durable_step(\"s\") has a function as its code, which is stored and not called", fixed = TRUE)
})

test_that("what decides about retries is a part of the step", {
  expect_refusal(
    function() durable_step("s", stop("busy"), retry = function(error, attempt) durable_step("inner", 1)),
    "durable_step(\"inner\") is inside of the step \"s\""
  )
  failed <- execute(function() durable_step("s", stop("busy"), retry = function(error, attempt) stop("no strategy")))
  expect_identical(c(failed$status, failed$operations$status, failed$invocations), c("FAILED", "FAILED", "1"))
  expect_match(conditionMessage(failed$error), "no strategy")
})

test_that("a value that its serialiser cannot write is not tried again", {
  broken <- list(write = function(value) stop("no way"))
  got <- execute(function() durable_step("s", note("ran"), serialiser = broken))
  expect_identical(got$invocations, 1L)
  expect_length(noted(), 1L)
})

test_that("arguments are checked", {
  expect_refusal(function() durable_step(note("ran")), "durable_step(): there is no code: give a name and the code")
  expect_refusal(function() durable_child(note("ran")), "durable_child(): there is no code")
  expect_null(noted())
  expect_refusal(function() durable_step("s", 1, retry = 3), "retry must be backoff(...)")
  expect_refusal(function() durable_step("s", 1, at_most_once = NA), "at_most_once must be TRUE or FALSE")
  expect_refusal(function() durable_step("s", 1, serialiser = 1), "serialiser must be list(")
})
