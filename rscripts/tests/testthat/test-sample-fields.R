local_edition(3)

data_of <- function(...) lapply(desk$event_records(desk$sample_event(...)), `[[`, "data")

test_that("payloads arrive as they were given", {
  for (case in list(
    c("sqs", "body"), c("sns", "message"), c("kinesis", "data"), c("firehose", "data"), c("activemq", "data"),
    c("rabbitmq", "data"), c("msk", "value"), c("logs", "message")
  )) {
    records <- function(value) do.call(data_of, c(list(case[[1L]]), structure(list(value), names = case[[2L]])))
    expect_identical(records("caf\u00e9 100%s"), list("caf\u00e9 100%s"), info = case[[1L]])
    expect_identical(records(list(a = 1L, b = "x")), list(list(a = 1L, b = "x")), info = case[[1L]])
    expect_identical(records(c("a", "b", "c")), list("a", "b", "c"), info = case[[1L]])
    expect_identical(records(list(list(a = 1L), "b")), list(list(a = 1L), "b"), info = case[[1L]])
    expect_identical(records(data.frame(a = 1:2)), list(data.frame(a = 1:2)), info = case[[1L]])
    if (case[[1L]] %in% c("sqs", "sns", "logs")) {
      expect_error(records(as.raw(1:3)), "raw bytes", info = case[[1L]])
    } else {
      expect_identical(records(as.raw(c(0, 255))), list(as.raw(c(0, 255))), info = case[[1L]])
    }
    expect_error(records(character()), "one record at least", info = case[[1L]])
  }
})

test_that("records have ids of their own", {
  for (case in list(
    c("sqs", "body"), c("kinesis", "data"), c("firehose", "data"), c("msk", "value")
  )) {
    event <- do.call(desk$sample_event, c(list(case[[1L]]), structure(list(c("a", "b", "c")), names = case[[2L]])))
    ids <- lapply(desk$undecoded_records(event)$records, desk$sources[[case[[1L]]]]$batch$id)
    expect_identical(anyDuplicated(ids), 0L, info = case[[1L]])
    expect_false(any(vapply(ids, is.null, NA)), info = case[[1L]])
  }
})

test_that("keys of objects are encoded as S3 does", {
  for (source in c("s3", "s3-batch")) {
    data <- data_of(source, bucket = "reports", key = "2026/my f\u00edle+1.csv")[[1L]]
    expect_identical(data$bucket, "reports")
    expect_identical(data$key, "2026/my f\u00edle+1.csv")
    expect_identical(lengths(lapply(data_of(source, key = c("a", "b")), `[[`, "key")), c(1L, 1L))
  }
  expect_identical(data_of("s3-batch", sample = "s3-batch-job-event-2.0", bucket = "b")[[1L]]$bucket, "b")
})

test_that("items of DynamoDB have types", {
  item <- list(id = "1", n = 2.5, ok = TRUE, none = NULL, tags = c("a", "b"), inner = list(x = 1), bytes = as.raw(1))
  data <- data_of("dynamodb", new = item)[[1L]]
  expect_identical(data$keys, list(id = "1"))
  expect_identical(data$new$n, 2.5)
  expect_true(data$new$ok)
  expect_identical(data$new$tags, list("a", "b"))
  expect_identical(data$new$inner, list(x = 1))
  expect_identical(data$new$bytes, as.raw(1))
  expect_null(data$old)
  name <- function(...) desk$sample_event("dynamodb", ...)$Records[[1L]]$eventName
  expect_identical(c(name(new = item), name(old = item), name(new = item, old = item)), c("INSERT", "REMOVE", "MODIFY"))
})

test_that("a FIFO queue has a message group", {
  event <- desk$sample_event("sqs", body = c("a", "b"), group = "g")
  expect_match(event$Records[[1L]]$eventSourceARN, "[.]fifo$")
  expect_identical(event$Records[[2L]]$attributes$MessageGroupId, "g")
  expect_identical(event$Records[[2L]]$md5OfBody, "92eb5ffee6ae2fec3ad71c777531578f")
})

test_that("the fields of other sources are where they belong", {
  local_desk()
  expect_identical(desk$invoke_handler(function(detail) detail, desk$sample_event("eventbridge", detail = list(detail = "d"))), "d")
  event <- desk$sample_event("eventbridge", detail_type = "Order", event_source = "shop")
  expect_identical(event[["detail-type"]], "Order")
  expect_identical(event$source, "shop")
  event <- desk$sample_event("cognito", trigger = "PreSignUp_SignUp", user_name = "eva", user_attributes = c(email = "e"))
  expect_identical(event$triggerSource, "PreSignUp_SignUp")
  expect_identical(event$request$userAttributes$email, "e")
  expect_identical(desk$sample_event("lex", text = "hi", intent = "I")$currentIntent$name, "I")
  expect_identical(desk$sample_event("lex", intent = "I", sample = "lex-v2-event")$sessionState$intent$name, "I")
  expect_identical(desk$sample_event("macro", fragment = list(a = 1), params = list(b = 2))[c("fragment", "params")], list(fragment = list(a = 1), params = list(b = 2)))
  expect_identical(desk$sample_event("sns", subject = "s")$Records[[1L]]$Sns$Subject, "s")
  expect_identical(desk$sample_event("ses", subject = "s", from = "a@x", to = c("b@x", "c@x"))$Records[[1L]]$ses$mail$destination, list("b@x", "c@x"))
  expect_identical(desk$sample_event("codecommit", ref = "refs/heads/x")$Records[[1L]]$codecommit$references[[1L]]$ref, "refs/heads/x")
  expect_identical(names(desk$sample_event("rabbitmq", queue = "q::/")$rmqMessagesByQueue), "q::/")
  record <- desk$event_records(desk$sample_event("msk", value = "v", key = list(id = 1L), topic = "t"))[[1L]]
  expect_identical(record[c("topic", "key_data", "data")], list(topic = "t", key_data = list(id = 1L), data = "v"))
  expect_identical(desk$event_records(desk$sample_event("logs", message = "m", log_group = "g"))[[1L]]$logGroup, "g")
})
