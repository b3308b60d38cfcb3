local_edition(3)

frame <- function(...) runtime$control_frame(...)
payload <- function(text = "") runtime$frame_bytes(charToRaw(text))

test_that("an operation is a frame with its payload, and waits for its outcome", {
  io <- file_io(c(frame(type = "outcome", status = "SUCCEEDED", attempt = 2L, has_payload = TRUE), payload("\"\u00e9\"")))
  send <- runtime$operation_sender(io, "id-1")
  outcome <- send(list(id = "1-2", parent = "1", type = "STEP", subtype = "Step", name = "s", action = "succeed"), "\"x\"")
  expect_identical(outcome[c("status", "attempt", "payload")], list(status = "SUCCEEDED", attempt = 2L, payload = "\"\u00e9\""))
  sent <- replies(io)
  expect_identical(jsonlite::parse_json(rawToChar(sent[[1L]])), list(
    type = "operation", id = "id-1",
    operation = list(id = "1-2", parent = "1", type = "STEP", subtype = "Step", name = "s", action = "succeed"),
    has_payload = TRUE
  ))
  expect_identical(rawToChar(sent[[2L]]), "\"x\"")
})

test_that("the frame of an operation is what control_frame() would make", {
  error <- list(type = "t", message = "m \"\u00e9\"\n", data = NULL, stack = I("f()"))
  for (operation in list(
    list(id = "1", parent = NULL, type = "STEP", subtype = "Step", name = "a \"b\"", action = "retry", error = error, delay_seconds = 5),
    list(id = "2-1", parent = "2", type = "WAIT", subtype = "Wait", name = NULL, action = "start", wait_seconds = 31622400),
    list(id = "3", type = "CONTEXT", action = "succeed", replay_children = TRUE)
  )) {
    read <- function(bytes) jsonlite::parse_json(rawToChar(bytes[-(1:4)]))
    given <- Filter(Negate(is.null), operation)
    expect_identical(
      read(runtime$operation_frame("id", operation, TRUE)),
      read(runtime$control_frame(type = "operation", id = "id", operation = given, has_payload = TRUE))
    )
  }
})

test_that("no payload is not an empty one", {
  io <- file_io(c(frame(type = "outcome", has_payload = FALSE), payload(), frame(type = "outcome", has_payload = TRUE), payload()))
  send <- runtime$operation_sender(io, "id-1")
  expect_null(send(list(id = "1", action = "start"), NULL)$payload)
  expect_identical(send(list(id = "1", action = "start"), "")$payload, "")
  expect_identical(vapply(replies(io)[c(1L, 3L)], function(f) jsonlite::parse_json(rawToChar(f))$has_payload, NA), c(FALSE, TRUE))
})

test_that("the handler ends if bootstrap has gone", {
  io <- file_io()
  expect_identical(runtime$operation_sender(io, "id-1")(list(id = "1", action = "start"), NULL), list(stop = TRUE))
})

# answer_durable() runs one invocation of a durable handler on outcomes, and returns R's frames as text.
answer_durable <- function(f, ..., env = parent.frame()) {
  io <- file_io(c(raw(), ...), env = env)
  handler <- runtime$new_handler(runtime$durable(f), "report")
  durable <- list(arn = "arn:x", started_ms = 0, known = list())
  invoke <- list(id = "id-1", deadline_ms = runtime$now_ms() + 3000, durable = durable)
  attach(runtime$user_functions(), name = "lambda", warn.conflicts = FALSE)
  withr::defer(detach("lambda", character.only = TRUE))
  runtime$answer(invoke, charToRaw("{\"month\":5}"), handler, io)
  vapply(replies(io), rawToChar, "")
}

test_that("a handler that is suspended is answered with `suspend`", {
  sent <- answer_durable(function(month) durable_wait(seconds = month), frame(type = "outcome", status = "STARTED", has_payload = FALSE), payload())
  expect_match(sent[[1L]], "\"wait_seconds\":5", fixed = TRUE)
  expect_match(sent[[3L]], "\"type\":\"suspend\",\"id\":\"id-1\"", fixed = TRUE)
  expect_length(sent, 3L)
})

test_that("a handler that returns is answered with a result, one that fails with an error", {
  outcomes <- c(frame(type = "outcome", has_payload = FALSE), payload(), frame(type = "outcome", has_payload = FALSE), payload())
  sent <- answer_durable(function(month) durable_step("s", month + 1), outcomes)
  expect_match(sent[[5L]], "\"type\":\"result\"", fixed = TRUE)
  expect_identical(sent[[6L]], "6")
  failed <- answer_durable(function(month) stop("no"))
  expect_match(failed[[1L]], "\"type\":\"error\".*\"message\":\"no\"")
})

test_that("an error on the way of a suspension does not become the answer", {
  f <- function(month) {
    on.exit(stop("no cleanup"))
    durable_wait(seconds = 5)
  }
  sent <- answer_durable(f, frame(type = "outcome", status = "STARTED", has_payload = FALSE), payload())
  expect_match(sent[[3L]], "\"type\":\"suspend\"", fixed = TRUE)
})

test_that("a durable handler says so when it is ready", {
  loaded <- list(handler = runtime$new_handler(runtime$durable(function(a) a), "f"), init_ms = 1, slowest = list())
  expect_match(rawToChar(runtime$announcement(loaded)[-(1:4)]), "\"durable\":true", fixed = TRUE)
})
