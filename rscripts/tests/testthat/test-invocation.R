local_edition(3)

test_that("an invocation begins with its frame, its pipes and its log", {
  io <- file_io()
  invocation <- runtime$new_invocation(list(id = "id-1", tenant_id = "t"), io)
  expect_identical(invocation$io, io)
  expect_identical(invocation$frame$tenant_id, "t")
  expect_null(invocation$event)
  expect_null(invocation$stream)
  invocation$log("info", "hello")
  expect_identical(log_records(io)[[1L]]$id, "id-1")
})

evaluate <- function(fn, event = "", frame = list(id = "1")) {
  invocation <- list2env(list(frame = frame))
  json <- runtime$evaluate(invocation, runtime$new_handler(fn, "handler"), charToRaw(event))
  list(json = json, event = invocation$event)
}

test_that("evaluate() gives the event's arguments and returns the result's JSON", {
  got <- evaluate(function(x, y = 2) list(sum = x + y), "{\"x\":1}")
  expect_identical(got$json, "{\"sum\":3}")
  expect_identical(got$event$source, "direct")
  expect_identical(got$event$bytes, charToRaw("{\"x\":1}"))
})

test_that("a handler gets the context where it takes one", {
  id <- function(context, ...) context$aws_request_id
  expect_identical(evaluate(id, "{}", list(id = "id-7"))$json, "\"id-7\"")
  expect_identical(evaluate(id, "[1,2]", list(id = "id-7"))$json, "\"id-7\"")
})
