local_edition(3)

# run_batch() passes an event to a batch handler as the worker does, and returns the JSON.
run_batch <- function(f, text, env = parent.frame()) {
  handler <- runtime$batch_handler(f)
  begin_invocation(text, handler, env)
  event <- runtime$current$invocation$event
  handler <- runtime$new_handler(handler, "process")
  args <- runtime$bind_arguments(event, handler)
  args["context"] <- list("the context")
  runtime$encode_answer(runtime$call_handler(handler, args), event)
}

failures <- function(...) {
  items <- vapply(list(...), function(id) paste0("{\"itemIdentifier\":", id, "}"), character(1))
  paste0("{\"batchItemFailures\":[", paste(items, collapse = ","), "]}")
}

# fail_at() returns a function of a record that keeps its data in `seen`, and fails if the data
# is one of `...`.
fail_at <- function(...) {
  seen <<- list()
  function(record) {
    seen[length(seen) + 1L] <<- list(record$data)
    if (any(vapply(list(...), identical, logical(1), record$data))) stop("no")
  }
}

seen <- list()

# kinesis() is an event with these payloads, in base64, numbered from 1.
kinesis <- function(...) {
  items <- c(...)
  paste0("{\"Records\":[", paste0(
    "{\"eventSource\":\"aws:kinesis\",\"kinesis\":{\"sequenceNumber\":\"", seq_along(items), "\",\"data\":\"", items, "\"}}",
    collapse = ","
  ), "]}")
}

messages <- function() vapply(logged$records, `[[`, character(1), "message")

test_that("a batch without failures has an empty report", {
  expect_identical(run_batch(function(record) NULL, event_json("sqs-event")), "{\"batchItemFailures\":[]}")
  expect_length(logged$records, 0L)
})

test_that("a queue's failed messages are reported, and the others processed", {
  f <- function(record) {
    seen <<- c(seen, record$messageId)
    if (record$data$amount < 0) stop("the amount is negative")
  }
  seen <<- list()
  expect_identical(run_batch(f, event_json("sqs-orders-event")), failures("\"order-2\"", "\"order-3\""))
  expect_identical(seen, list("order-1", "order-2", "order-3", "order-4"))
})

test_that("a FIFO queue's later messages are reported with the failed one, and not processed", {
  f <- fail_at(list(order = 2L, amount = -5L))
  expect_identical(run_batch(f, event_json("sqs-fifo-event")), failures("\"fifo-2\"", "\"fifo-3\""))
  expect_length(seen, 2L)
  expect_identical(run_batch(fail_at(), event_json("sqs-fifo-event")), failures())
})

test_that("a stream is stopped at the first failure", {
  text <- kinesis("YQ==", "Yg==", "Yw==", "Yg==")
  expect_identical(run_batch(fail_at("b"), text), failures("\"2\""))
  expect_identical(seen, list("a", "b"))
  f <- function(record) if (is.null(record$data$new)) stop("removed")
  expect_identical(run_batch(f, event_json("dynamodb-changes-event")), failures("\"112\""))
})

test_that("a failure stops its Kafka partition only", {
  expect_identical(
    run_batch(fail_at(list(amount = 3L)), event_json("msk-event")),
    failures("{\"partition\":\"orders-0\",\"offset\":15}", "{\"partition\":\"orders-0\",\"offset\":16}")
  )
  expect_length(seen, 3L)
  expect_identical(
    run_batch(fail_at(NULL), event_json("msk-event")),
    failures("{\"partition\":\"orders-1\",\"offset\":3000000001}")
  )
  expect_match(messages(), "^record orders-1 offset 3000000001 failed: simpleError: no\n")
  text <- "{\"eventSource\":\"aws:kafka\",\"records\":{\"t-100000\":[{\"topic\":\"t\",\"partition\":100000,\"offset\":3000000000}]}}"
  expect_identical(run_batch(fail_at(NULL), text), failures("{\"partition\":\"t-100000\",\"offset\":3000000000}"))
  expect_match(messages(), "^record t-100000 offset 3000000000 failed")
})

test_that("a record that cannot be decoded fails, not the batch", {
  expect_identical(run_batch(fail_at(), kinesis("YQ==", "!")), failures("\"2\""))
  expect_identical(seen, list("a"))
  expect_identical(messages(), "record 2 failed: simpleError: kinesis$data is not base64")
})

test_that("the event is not simplified, only payloads are", {
  got <- NULL
  run_batch(function(record) got <<- record, event_json("sqs-event"))
  expect_identical(got$messageAttributes$Attribute1$stringListValues, list())
  expect_identical(got, runtime$event_records(event_json("sqs-event"))[[1L]])
})

test_that("a batch handler called by another handler accepts simplified events", {
  text <- event_json("sqs-fifo-event")
  event <- begin_invocation(text)
  expect_s3_class(event$Records, "data.frame")
  json <- runtime$batch_handler(fail_at(list(order = 1L, amount = 10L)))(event)
  expect_identical(as.character(json), failures("\"fifo-1\"", "\"fifo-2\"", "\"fifo-3\""))
})

test_that("the error is logged with the record, its type and the user's stack", {
  source_code(c(
    "check <- function(record) {",
    "  refuse(record$data)",
    "}",
    "refuse <- function(data) stop(structure(class = c(\"refused\", \"error\", \"condition\"), list(message = \"100%s\", call = NULL)))"
  ))
  expect_identical(run_batch(globalenv()$check, event_json("sqs-event")), failures("\"MessageID_1\""))
  expect_length(logged$records, 1L)
  record <- logged$records[[1L]]
  expect_identical(record$level, "error")
  expect_identical(record$fields, list(record = "MessageID_1"))
  lines <- strsplit(record$message, "\n", fixed = TRUE)[[1L]]
  expect_identical(
    lines[1:3],
    c("record MessageID_1 failed: refused: 100%s", "  at f(record)", "  at refuse(record$data) (functions.R:2)")
  )
  expect_match(lines[4L], "  at stop(", fixed = TRUE)
  expect_match(lines[4L], " (functions.R:4)", fixed = TRUE)
  expect_length(lines, 4L)
})

test_that("an error of the runtime has its own type", {
  run_batch(function(record) runtime$encode_or_fail(globalenv()), event_json("sqs-event"))
  expect_match(messages(), "^record MessageID_1 failed: Runtime.MarshalError: the result cannot be encoded")
})

test_that("an endless recursion is a record's failure", {
  needs(R = "4.2")
  f <- function(record) if (record$messageId == "order-1") f(record)
  expect_identical(run_batch(f, event_json("sqs-orders-event")), failures("\"order-1\""))
})

test_that("a warning passed to stop() fails its record, not the batch", {
  f <- function(record) {
    if (record$messageId == "order-2") tryCatch(warning("odd"), warning = function(w) stop(w))
  }
  expect_identical(run_batch(f, event_json("sqs-orders-event")), failures("\"order-2\""))
  expect_match(messages(), "^record order-2 failed: simpleWarning: odd")
})

test_that("an interrupt ends the invocation", {
  interrupt <- structure(class = c("interrupt", "condition"), list())
  outcome <- runtime$with_conditions(
    function() run_batch(function(record) signalCondition(interrupt), event_json("sqs-event")),
    log = function(...) NULL
  )
  expect_identical(outcome$type, "Runtime.Interrupted")
  expect_length(logged$records, 0L)
})

test_that("the function may take context, in any place", {
  got <- list()
  run_batch(function(context, r) got <<- list(context, r$messageId), event_json("sqs-event"))
  expect_identical(got, list("the context", "MessageID_1"))
  run_batch(function(r, ..., context) got <<- list(context, r$messageId, ...length()), event_json("sqs-event"))
  expect_identical(got, list("the context", "MessageID_1", 0L))
  run_batch(function(...) got <<- names(list(...)), event_json("sqs-event"))
  expect_null(got)
  run_batch(function(record, retry = TRUE) got <<- retry, event_json("sqs-event"))
  expect_true(got)
})

test_that("a function that cannot process a record is refused at load time", {
  expect_error(runtime$batch_handler("process"), "f must be a function of a record, not character")
  expect_error(runtime$batch_handler(), "f")
  durable <- runtime$durable(function(record) NULL)
  expect_error(runtime$batch_handler(durable), "pass event_records(event) to durable_map()", fixed = TRUE)
  expect_error(runtime$batch_handler(function() NULL), "no argument for the record")
  expect_error(runtime$batch_handler(function(context) NULL), "no argument for the record")
  expect_error(runtime$batch_handler(function(record, db, retry = 1) NULL), "give \"db\" a default")
})

test_that("a batch handler is a handler that takes event and context", {
  handler <- runtime$batch_handler(function(record) NULL)
  expect_true(is.function(handler))
  takes <- runtime$handler_arguments(handler)
  expect_identical(takes$names, c("event", "context"))
  expect_length(takes$required, 0L)
  source_code("process <- function(record) NULL")
  assign("process", handler, globalenv())
  expect_identical(get0("process", globalenv(), mode = "function"), handler)
})

test_that("sources that do not accept a report of single records are refused", {
  for (name in c("sns-event", "s3-event", "s3-batch-job-event-2.0", "cloudwatch-logs-event")) {
    expect_failure_type(
      run_batch(fail_at(), event_json(name)),
      "Runtime.InvalidArguments", "batch_handler(): Lambda does not accept a report of single records from ", "use event_records()"
    )
  }
  for (text in c("{}", "[1]", "{\"Records\":[]}")) {
    expect_failure_type(
      run_batch(fail_at(), text),
      "Runtime.InvalidArguments", "batch_handler(): the event has no records: its source is direct"
    )
  }
  expect_length(seen, 0L)
})

test_that("a record without an id stops the batch before any is processed", {
  for (bad in c("{}", "null", "1", "{\"messageId\":\"\"}", "{\"messageId\":7}")) {
    text <- paste0("{\"Records\":[{\"eventSource\":\"aws:sqs\",\"messageId\":\"1\",\"body\":\"\"},", bad, "]}")
    expect_failure_type(run_batch(fail_at(), text), "Runtime.InvalidArguments", "record 2 has no id to report it by")
  }
  for (bad in c("{}", "{\"topic\":\"t\",\"partition\":\"a\",\"offset\":1}", "{\"topic\":\"t\",\"partition\":[1,2],\"offset\":1}")) {
    text <- paste0("{\"eventSource\":\"aws:kafka\",\"records\":{\"t-0\":[", bad, "]}}")
    expect_failure_type(run_batch(fail_at(), text), "Runtime.InvalidArguments", "record 1 has no id")
  }
  expect_length(seen, 0L)
})

test_that("LAMBDA_R_EVENT may name the source", {
  withr::local_envvar(LAMBDA_R_EVENT = "sqs")
  expect_identical(run_batch(fail_at(), "{\"Records\":[]}"), failures())
  expect_identical(run_batch(fail_at("x"), "{\"Records\":[{\"messageId\":\"1\",\"body\":\"x\"}]}"), failures("\"1\""))
  expect_failure_type(run_batch(fail_at(), "{}"), "Runtime.InvalidArguments", "does not have a list of records, as those of sqs do")
})

test_that("the user's serialiser does not change the report", {
  runtime$lambda_config(serialiser = function(value) "mine")
  withr::defer(runtime$settings$serialiser <- NULL)
  expect_identical(run_batch(fail_at(), event_json("sqs-event")), failures())
})

test_that("user code is compiled after event_records() as before", {
  withr::defer(runtime$jit$user_level <- before)
  before <- runtime$jit$user_level
  runtime$jit$user_level <- 3L
  level <- NULL
  run_batch(function(record) {
    runtime$event_records()
    level <<- compiler::enableJIT(-1L)
  }, event_json("sqs-event"))
  expect_identical(level, 3L)
  expect_identical(runtime$jit$user_level, 3L)
  expect_identical(compiler::enableJIT(-1L), 0L)
})
