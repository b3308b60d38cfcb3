local_edition(3)

# The session itself, in R's own loop, is tested in test/e2e/debug_test.go.

# local_session() begins a session, until the end of the test, whose handler is f() of these lines.
local_session <- function(lines, env = parent.frame()) {
  keep_settings(env)
  source_code(lines, env = env)
  before <- as.list(runtime$session)
  runtime$session$handler_name <- "functions.f"
  runtime$session$handler <- runtime$new_handler(get("f", globalenv()), "f")
  runtime$session$event <- NULL
  runtime$session$log <- function(...) NULL
  runtime$session$settings <- as.list(runtime$settings)
  withr::local_envvar("_X_AMZN_TRACE_ID" = NA, .local_envir = env)
  withr::defer(
    {
      rm(list = ls(runtime$session), envir = runtime$session)
      list2env(before, runtime$session)
    },
    envir = env
  )
}

# local_mocked_log() keeps load_or_fail() from changing what testthat has set.
local_mocked_log <- function(env = parent.frame()) {
  keep_sinks(env)
  remove_handlers <- runtime$remove_handlers
  runtime$remove_handlers <- function() NULL
  initial <- as.list(runtime$initial)
  withr::defer(
    {
      runtime$remove_handlers <- remove_handlers
      rm(list = ls(runtime$initial), envir = runtime$initial)
      list2env(initial, runtime$initial)
    },
    envir = env
  )
}

text <- function(answer) {
  expect_s3_class(answer, "json")
  as.vector(unclass(answer))
}

test_that("invoke() takes R values, JSON text and files, and the last event again", {
  local_session("f <- function(event) list(got = event)")
  expect_identical(text(runtime$invoke(list(n = 1, s = "a"))), "{\"got\":{\"n\":1,\"s\":\"a\"}}")
  expect_identical(text(runtime$invoke()), "{\"got\":{\"n\":1,\"s\":\"a\"}}")
  expect_identical(text(runtime$invoke("[1, 2]")), "{\"got\":[1,2]}")
  expect_identical(text(runtime$invoke(jsonlite::toJSON(list(a = 1)))), "{\"got\":{\"a\":1}}")
  expect_identical(text(runtime$invoke(NULL)), "{\"got\":null}")
  writeLines("{\"from\": \"\u00e9\"}", "e.json", useBytes = TRUE)
  expect_identical(text(runtime$invoke("e.json")), "{\"got\":{\"from\":\"\u00e9\"}}")
  writeLines("3", "e.json")
  expect_identical(text(runtime$invoke()), "{\"got\":3}")
  unlink("e.json")
  expect_error(runtime$invoke(), "the file of the event is gone: ")
})

test_that("invoke() refuses what is no event", {
  local_session("f <- function(event) event")
  expect_error(runtime$invoke(), "there is no event yet: give one")
  expect_error(runtime$invoke("e.json"), "there is no file \"e.json\" in ")
  expect_error(runtime$invoke("orders"), "\"orders\" is neither a file nor JSON: ")
  expect_error(runtime$invoke("{\"a\":"), "is neither a file nor JSON: ")
  for (event in list(c("1", "2"), NA_character_, character())) {
    expect_error(runtime$invoke(event), "event must be a list, the path of a file, or one string of JSON")
  }
  runtime$session$handler <- NULL
  expect_error(runtime$invoke(list()), "the handler is not loaded: correct its file and call reload()", fixed = TRUE)
})

test_that("errors, warnings and messages are R's, and nothing of the invocation stays", {
  local_session(c(
    "f <- function(what) switch(what, warn = warning('w'), say = message('m'), stop('no ', remaining()))",
    "remaining <- function() get('current', environment(runtime$invoke))$invocation$frame$deadline_ms > 0"
  ))
  assign("runtime", runtime, globalenv())
  withr::defer(rm("runtime", envir = globalenv()))
  expect_warning(runtime$invoke(list(what = "warn")), "^w$")
  expect_message(runtime$invoke(list(what = "say")), "^m\n$")
  seen <- NULL
  tryCatch(
    withCallingHandlers(runtime$invoke(list(what = "fail")), error = function(e) seen <<- sys.calls()),
    error = function(e) expect_identical(conditionMessage(e), "no TRUE")
  )
  expect_true(any(vapply(seen, function(call) identical(call, quote(f(what = what))), logical(1))))
  expect_null(runtime$current$invocation)
})

test_that("a function that was replaced, as by trace(), runs", {
  local_session("f <- function(n) n + 1")
  expect_identical(text(runtime$invoke(list(n = 1))), "2")
  assign("f", function(m = 5) m, globalenv())
  expect_identical(text(runtime$invoke(list())), "5")
})

test_that("an HTTP event gets a response, also from stop_html(), and a stream in one piece", {
  local_session(c(
    "f <- function(fail = '') if (nzchar(fail)) stop_html('gone', code = 404) else stream_response(function(write) write('a'))"
  ))
  list2env(list(stop_html = runtime$stop_html, stream_response = runtime$stream_response), globalenv())
  withr::defer(rm("stop_html", "stream_response", envir = globalenv()))
  answer <- jsonlite::parse_json(text(runtime$invoke(http())))
  expect_identical(answer$body, "a")
  event <- sub("\"rawQueryString\":\"\"", "\"rawQueryString\":\"fail=1\",\"queryStringParameters\":{\"fail\":\"1\"}", http())
  expect_identical(jsonlite::parse_json(text(runtime$invoke(event)))$statusCode, 404L)
  expect_error(runtime$invoke(list(fail = "1")), "gone")
})

test_that("reload() loads the file again, with the settings that it makes", {
  local_session("f <- function(n) 1")
  expect_identical(text(runtime$invoke(list(n = 1))), "1")
  runtime$settings$keep_names <- TRUE # as if the file had set it
  writeLines("f <- function(n, x = 2) x", "functions.R")
  local_mocked_log()
  expect_true(runtime$reload())
  expect_identical(text(runtime$invoke()), "2")
  expect_null(runtime$settings$keep_names)
})

test_that("each invocation has an id of its own and a deadline", {
  local_session("f <- function(context) list(context$aws_request_id, context$remaining_ms() > 0)")
  first <- text(runtime$invoke(list()))
  expect_match(first, "^\\[\"[0-9-]{36}\",true\\]$")
  expect_false(identical(first, text(runtime$invoke())))
})

test_that("a durable handler runs until it returns, and its waits take no time", {
  attach(runtime$user_functions(), name = "lambda", warn.conflicts = FALSE)
  withr::defer(detach("lambda", character.only = TRUE))
  local_session(c(
    "f <- durable(function(n) {",
    "  a <- durable_step('a', n + 1)",
    "  durable_wait(days = 1)",
    "  if (n > 5) durable_wait_for_callback('c', function(id) id)",
    "  a",
    "})"
  ))
  expect_identical(as.character(runtime$invoke(list(n = 1))), "2")
  expect_error(runtime$invoke(list(n = 6)), "waits for a callback or for another function")
})
