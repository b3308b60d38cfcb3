local_edition(3)

parity <- "parity <- function(number) list(parity = if (number %% 2 == 0) \"even\" else \"odd\")"

# file_with() writes functions.R to a folder of its own, and returns that.
file_with <- function(..., env = parent.frame()) {
  dir <- withr::local_tempdir(.local_envir = env)
  writeLines(c(...), file.path(dir, "functions.R"))
  dir
}

test_that("a handler of a file gets the event's keys, and its result is decoded", {
  local_desk()
  for (event in list(list(number = 5), "{\"number\": 5}", list(number = 5L))) {
    expect_identical(invoke(parity, event, name = "parity"), list(parity = "odd"))
  }
  expect_identical(invoke(parity, list(number = 5), as = "json", name = "parity"), "{\"parity\":\"odd\"}")
})

test_that("results are what the caller gets", {
  local_desk()
  value <- function(x) desk$invoke_handler(function() x)
  expect_null(value(NULL))
  expect_identical(value(1:3), 1:3)
  expect_identical(value(c(a = 1)), 1L) # names of vectors are left out
  expect_identical(value(list(x = NA, y = list())), list(x = NULL, y = list()))
  expect_identical(value(data.frame(a = 1:2, b = c("x", "y"))), data.frame(a = 1:2, b = c("x", "y")))
  expect_identical(value(as.Date("2026-01-02")), "2026-01-02")
  text <- desk$invoke_handler("functions.f", dir = file_with("lambda_config(serialiser = function(x) '<no JSON>')", "f <- function() 1"))
  expect_identical(text, "<no JSON>")
})

test_that("events are decoded as in Lambda", {
  local_desk()
  class_of <- function(x, ...) desk$invoke_handler(function(x) class(x), list(x = x), ...)
  expect_identical(class_of(1:3), "integer")
  expect_identical(class_of(list(list(a = 1), list(a = 2))), "data.frame")
  expect_identical(class_of(list()), "list")
  expect_identical(desk$invoke_handler(function(...) length(list(...))), 0L)
  expect_identical(desk$invoke_handler(function(x) x, "[1, 2]"), 1:2)
  expect_identical(desk$invoke_handler(function(event) names(event), list(a = 1, b = 2)), c("a", "b"))
  expect_identical(desk$invoke_handler(function(x) nrow(x), data.frame(a = 1:2)), 2L)
  expect_identical(desk$invoke_handler(function(x) x, "\"text\""), "text")
})

test_that("the event can be a file, looked for in the working directory of the caller", {
  local_desk()
  dir <- file_with("f <- function(x) x")
  writeLines("{\"x\": [1, 2]}", "event.json")
  expect_identical(desk$invoke_handler("functions.f", "event.json", dir = dir), 1:2)
  expect_error(desk$invoke_handler("functions.f", "events.json", dir = dir), "there is no file \"events.json\" in ", fixed = TRUE)
})

test_that("the timeout begins when the handler is loaded", {
  local_desk()
  code <- c(
    "ms <- function() as.numeric(Sys.time()) * 1000",
    "loaded <- ms()",
    "f <- function() ms() + remaining_ms() > loaded + 60000 - 0.5"
  )
  expect_true(invoke(code, timeout = 60))
})

test_that("an event that is not JSON is an error, of the runtime or of the test", {
  local_desk()
  f <- function(x) x
  expect_error(desk$invoke_handler(f, "no JSON"), "the event is not valid JSON", class = "Runtime.UnmarshalError")
  expect_error(desk$invoke_handler(f, "{\"x\": "), class = "Runtime.UnmarshalError")
  expect_error(desk$invoke_handler(f, "{\"x\": \"\\u0000\"}"), class = "Runtime.UnmarshalError")
  expect_error(desk$invoke_handler(f, list(x = sum)), "invoke_handler(): the event cannot be encoded as JSON: event$x", fixed = TRUE)
  expect_error(desk$invoke_handler(f, sum), "the event cannot be encoded as JSON: event: cannot encode a function")
  expect_error(desk$invoke_handler(f, list(x = 1), client_context = sum), "the client_context cannot be encoded")
})

test_that("errors are the user's own conditions", {
  local_desk()
  code <- c(
    "f <- function(how) switch(how,",
    "  stop = stop('plain 100%s'),",
    "  class = stop(structure(class = c('no_model', 'error', 'condition'), list(message = 'gone', call = NULL, id = 7))),",
    "  html = stop_html('down', code = 404L),",
    "  warn = { warning('careful'); 'went on' }",
    ")"
  )
  e <- expect_error(invoke(code, list(how = "stop")), "^plain 100%s$")
  expect_identical(class(e), c("simpleError", "error", "condition"))
  e <- expect_error(invoke(code, list(how = "class")), class = "no_model")
  expect_identical(e$id, 7)
  expect_error(invoke(code, list(how = "html")), "^down$", class = "html_error")
  expect_warning(got <- invoke(code, list(how = "warn")), "careful")
  expect_identical(got, "went on")
  e <- expect_error(invoke(code, list(hw = "stop")), "unknown argument \"hw\": f takes how", class = "Runtime.InvalidArguments")
  expect_identical(class(e), c("Runtime.InvalidArguments", "runtime_failure", "error", "condition"))
  e <- expect_error(desk$invoke_handler(function() sum), class = "Runtime.MarshalError")
  expect_match(conditionMessage(e), "result: cannot encode a function", fixed = TRUE)
})

test_that("a handler that cannot be loaded is an error with the reason", {
  local_desk()
  expect_error(desk$invoke_handler("functions.f"), "there is no file functions.R nor functions.r", class = "Runtime.HandlerNotFound")
  expect_error(invoke("g <- 1; h <- function() 2"), "defines no function f; it defines: h", class = "Runtime.NoSuchHandler")
  expect_error(invoke(c("f <- function() {", "  1 +")), "functions.R:3", class = "Runtime.UserCodeSyntaxError")
  expect_error(invoke("library(no.such.package)"), "no.such.package", class = "packageNotFoundError")
  expect_error(invoke("stop('while loading')"), "^while loading$", class = "simpleError")
  expect_error(invoke("f <- function(event, other) 1"), "nothing is left for \"other\"", class = "Runtime.InvalidArguments")
  expect_error(desk$invoke_handler("."), class = "Runtime.MalformedHandlerName")
  expect_error(desk$invoke_handler("no.such::thing"), class = "Runtime.ImportModuleError")
  expect_error(desk$invoke_handler(7), "handler must be a name such as \"functions.parity\", or a function, not numeric")
  expect_error(desk$invoke_handler(""), "handler must be a name")
  expect_error(desk$invoke_handler(sum, timeout = "3"), "timeout must be a number of seconds")
  expect_error(desk$invoke_handler(sum, request_id = 1), "request_id must be one string")
  expect_error(desk$invoke_handler(sum, function_name = ""), "function_name must be one string")
  expect_error(desk$invoke_handler("functions.f", dir = "nowhere"), "there is no folder \"nowhere\" in ")
  expect_error(desk$invoke_handler(sum, as = "xml"), "should be one of")
})

test_that("an invalid setting is an error as in the runtime", {
  local_desk()
  withr::local_envvar(LAMBDA_R_EVENT = "mqtt")
  expect_error(invoke(parity, name = "parity"), "LAMBDA_R_EVENT", class = "Runtime.InvalidConfiguration")
})

test_that("packages have handlers, too", {
  local_desk()
  expect_identical(desk$invoke_handler("tools::toTitleCase", list(text = "hello world")), "Hello World")
  expect_error(desk$invoke_handler("tools::nothing"), class = "Runtime.NoSuchHandler")
})

test_that("the file is looked for in the task folder", {
  local_desk()
  dir <- file_with("f <- function() basename(getwd())")
  expect_identical(desk$invoke_handler("functions.f", dir = dir), basename(dir))
  withr::with_envvar(c(LAMBDA_TASK_ROOT = dir), expect_identical(desk$invoke_handler("functions.f"), basename(dir)))
  dir.create(file.path(dir, "tests", "testthat"), recursive = TRUE)
  withr::with_dir(file.path(dir, "tests", "testthat"), expect_identical(desk$invoke_handler("functions.f"), basename(dir)))
  expect_identical(desk$invoke_handler(function() basename(getwd()), dir = dir), basename(dir))
})

test_that("the context is as given", {
  local_desk()
  withr::local_envvar(AWS_LAMBDA_FUNCTION_NAME = NA)
  got <- desk$invoke_handler(
    function(event, context) {
      context$left <- context$remaining_ms()
      unclass(context)[c(
        "aws_request_id", "function_name", "tenant_id", "client_context", "identity", "invoked_function_arn", "left", "memory_limit_in_mb"
      )]
    },
    timeout = 60, function_name = "fn", request_id = "r-1", tenant_id = "blue", client_context = list(app = "a"),
    identity = "{\"cognitoIdentityId\":\"i\"}"
  )
  expect_identical(got[c("aws_request_id", "function_name", "tenant_id")], list(aws_request_id = "r-1", function_name = "fn", tenant_id = "blue"))
  expect_identical(got[c("client_context", "identity")], list(client_context = list(app = "a"), identity = list(cognitoIdentityId = "i")))
  expect_match(got$invoked_function_arn, ":function:fn$")
  expect_true(got$left > 50000 && got$left <= 60000)
  expect_identical(got$memory_limit_in_mb, 128L)
})

test_that("an HTTP event gets a response in one form, whatever the source", {
  local_desk()
  page <- function() desk$html_response("<p>", 201L, headers = list(X = c("a", "b")), cookies = c("s=1", "t=2"))
  # A load balancer without multi-value headers takes one of each.
  for (event in list(
    desk$sample_event("url"), desk$sample_event("http"), desk$sample_event("rest"), desk$sample_event("websocket"),
    desk$sample_event("lattice"), desk$sample_event("alb", sample = "alb-multi-value-headers")
  )) {
    answer <- suppressMessages(desk$invoke_handler(page, event))
    expect_named(answer, c("statusCode", "headers", "cookies", "body"))
    expect_identical(answer$statusCode, 201L)
    expect_identical(answer$headers[["Content-Type"]], "text/html; charset=utf-8")
    expect_true(identical(paste(answer$headers$X, collapse = ", "), "a, b"))
    expect_true("t=2" %in% answer$cookies)
    expect_identical(answer$body, "<p>")
  }
  expect_match(desk$invoke_handler(page, desk$sample_event("url"), as = "json"), "^\\{\"statusCode\":201")
  list_answer <- desk$invoke_handler(function() list(statusCode = 204), desk$sample_event("url"))
  expect_identical(list_answer[c("statusCode", "cookies")], list(statusCode = 204L, cookies = character()))
  expect_null(list_answer$body)
})

test_that("plots are bytes, and results are JSON, text or CSV", {
  local_desk()
  answer <- desk$invoke_handler(function() desk$png_response(plot(1)), desk$sample_event("url"))
  expect_identical(answer$body[2:4], charToRaw("PNG"))
  rows <- function() data.frame(a = 1:2)
  expect_identical(desk$invoke_handler(rows, desk$sample_event("url"))$body, "[{\"a\":1},{\"a\":2}]")
  csv <- desk$invoke_handler(rows, desk$sample_event("url", headers = list(Accept = "text/csv")))
  expect_identical(csv$body, "\"a\"\r\n1\r\n2\r\n")
})

test_that("HTTP callers see the errors that are meant for them, and no others", {
  local_desk()
  event <- desk$sample_event("url", path = "/city", query = list(name = "x"))
  expect_message(answer <- desk$invoke_handler(function(name) desk$stop_html("no ", name, code = 404L), event), "info: answered 404: no x")
  expect_identical(answer[c("statusCode", "body")], list(statusCode = 404L, body = "no x"))
  expect_message(answer <- desk$invoke_handler(function(name) desk$stop_html("down", code = 503L), event), "error: answered 503")
  expect_identical(answer$statusCode, 503L)
  expect_message(answer <- desk$invoke_handler(function(name, other) 1, event), "answered 400: missing argument")
  expect_identical(answer$statusCode, 400L)
  expect_error(desk$invoke_handler(function(name) stop("secret"), event), "^secret$")
  expect_error(desk$invoke_handler(function(name) sum, event), class = "Runtime.MarshalError")
})

test_that("a batch reports the records that failed, and logs why", {
  local_desk()
  code <- c(
    "seen <- NULL",
    "f <- batch_handler(function(record, context) {",
    "  if (record$data == 'bad') stop('no good')",
    "  lambda_log('info', record$data, tenant = context$tenant_id)",
    "})"
  )
  logged <- testthat::capture_messages(
    got <- invoke(code, desk$sample_event("sqs", body = c("a", "bad", "c")), tenant_id = "t")
  )
  expect_identical(got$batchItemFailures$itemIdentifier, "MessageID_1-2")
  expect_identical(logged, c("info: a tenant=\"t\"\n", "error: record MessageID_1-2 failed: simpleError: no good record=\"MessageID_1-2\"\n", "info: c tenant=\"t\"\n"))
  got <- suppressMessages(invoke(code, desk$sample_event("sqs", body = c("a", "bad", "c"), group = "g")))
  expect_identical(got$batchItemFailures$itemIdentifier, c("MessageID_1-2", "MessageID_1-3"))
  got <- suppressMessages(invoke(code, desk$sample_event("sqs", body = "a")))
  expect_identical(got, list(batchItemFailures = list()))
  expect_null(got$batchItemFailures$itemIdentifier)
  expect_error(invoke(code, list(x = 1)), class = "Runtime.InvalidArguments")
  total <- function(event) sum(vapply(desk$event_records(), function(record) record$data$amount, 0))
  expect_identical(desk$invoke_handler(total, desk$sample_event("sqs", body = list(list(amount = 1.5), list(amount = 2)))), 3.5)
})

test_that("a plumber API answers, with its errors logged", {
  local_desk()
  writeLines(c(
    "#* @get /hello", "function(name = 'you') list(hello = name)",
    "#* @get /down", "function() stop('no model')",
    "#* @post /echo", "function(req) req$postBody"
  ), "plumber.R")
  api <- function(...) desk$invoke_handler("plumber.R", desk$sample_event("url", ...))
  answer <- api(path = "/hello", query = list(name = "Ada"))
  expect_identical(answer[c("statusCode", "body")], list(statusCode = 200L, body = "{\"hello\":[\"Ada\"]}"))
  expect_message(answer <- api(path = "/down"), "error: simpleError: no model")
  expect_identical(answer$statusCode, 500L)
  expect_identical(api(path = "/none")$statusCode, 404L)
  expect_match(api(path = "/echo", body = list(a = 1))$body, "a", fixed = TRUE)
  expect_error(desk$invoke_handler("plumber.R", list()), class = "Runtime.InvalidArguments")
})

test_that("files of file_response() are deleted", {
  local_desk()
  path <- NULL
  f <- function() {
    writeLines("a", path <<- tempfile(fileext = ".csv"))
    desk$file_response(path)
  }
  expect_identical(desk$invoke_handler(f, desk$sample_event("url"))$body, "a\n")
  expect_false(file.exists(path))
})

test_that("a function that is called by an expression has a name for its errors", {
  local_desk()
  named <- function(a) a
  expect_error(desk$invoke_handler(named), "named takes a")
  expect_error(desk$invoke_handler(function(a) a), "handler takes a")
})

test_that("methods of the handler's file make answers", {
  local_desk()
  code <- c(
    "as_result.fit <- function(value, ...) list(slope = value$slope)",
    "as_response.fit <- function(value, request = NULL, ...) html_response('<p>', 418L)",
    "f <- function() structure(list(slope = 2L), class = 'fit')"
  )
  expect_identical(invoke(code), list(slope = 2L))
  expect_identical(invoke(code, desk$sample_event("url"))$statusCode, 418L)
})
