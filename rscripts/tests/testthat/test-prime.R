local_edition(3)

# prime() primes a handler with the settings in effect. It returns the message of the failure, or NULL;
# its log records are in `primed$log`.
prime <- function(fn, kind = "function") {
  handler <- if (inherits(fn, "batch_handler")) runtime$new_handler(fn, "handler") else runtime$new_handler(fn, "handler", kind)
  io <- file_io()
  runtime$current$log <- runtime$log_to(io, NULL)
  withr::defer(runtime$current$log <- NULL)
  failed <- runtime$prime(handler, runtime$now_ms() + 60000, io)
  primed$log <- vapply(log_records(io), `[[`, "", "message")
  expect_length(replies(io), 0L)
  failed$message
}

primed <- new.env()

http_event <- "{\"rawPath\":\"/\",\"requestContext\":{\"http\":{\"method\":\"GET\"}}}"

test_that("an event, several, JSON text, a file or a function prime the handler", {
  keep_settings()
  in_user_dir()
  writeLines("{\"x\": 4}", "one.json")
  writeLines("[{\"x\": 5}, {\"x\": [1, 2]}]", "several.json")
  got <- list()
  handler <- function(x = "nothing") got[[length(got) + 1L]] <<- x
  for (case in list(
    list(prime = list(x = 1L), got = list(1L)),
    list(prime = list(list(x = 1L), list(x = "a")), got = list(1L, "a")),
    list(prime = "{\"x\":[{\"a\":1},{\"a\":2}]}", got = list(data.frame(a = 1:2))),
    list(prime = " [{\"x\":1.5},{\"x\":{}}]", got = list(1.5, structure(list(), names = character()))),
    list(prime = "one.json", got = list(4L)),
    list(prime = "several.json", got = list(5L, 1:2)),
    list(prime = list(structure(list(), names = character())), got = list("nothing")),
    list(prime = structure(list(), names = character()), got = list("nothing")),
    list(prime = function() handler("called"), got = list("called"))
  )) {
    got <- list()
    runtime$lambda_config(prime = case$prime)
    expect_null(prime(handler))
    expect_identical(got, case$got)
  }
})

test_that("the failure says which event failed, and no later one is tried", {
  keep_settings()
  in_user_dir()
  tried <- integer()
  handler <- function(x) {
    tried <<- c(tried, x)
    if (x == 2L) stop("no model")
  }
  writeLines("[{\"x\":1},{\"x\":2},{\"x\":3}]", "events.json")
  runtime$lambda_config(prime = "events.json")
  expect_identical(prime(handler), "events.json: event 2 of 3: no model")
  expect_identical(tried, 1:2)
  runtime$lambda_config(prime = list(x = 2L))
  expect_identical(prime(handler), "no model")
  runtime$lambda_config(prime = list(y = 2L))
  expect_match(prime(handler), "^unknown argument \"y\"")
  runtime$lambda_config(prime = function() handler(2L))
  expect_identical(prime(handler), "no model")
  runtime$lambda_config(prime = list(x = 1L))
  expect_match(prime(function(x) sum), "cannot be encoded as JSON")
})

test_that("the handler has a context with a request id and a deadline", {
  keep_settings()
  runtime$lambda_config(prime = "{}")
  seen <- NULL
  expect_null(prime(function(event, context) {
    seen <<- context
    NULL
  }))
  expect_identical(seen$aws_request_id, "priming")
  expect_true(seen$remaining_ms() > 0 && seen$remaining_ms() <= 60000)
})

test_that("an HTTP response with status 5xx is a failure, one with 4xx is not", {
  keep_settings()
  runtime$lambda_config(prime = http_event)
  expect_null(prime(function() "hello"))
  expect_identical(primed$log, character())
  expect_null(prime(function() runtime$html_response("no", 404L)))
  expect_identical(primed$log, "answered 404")
  expect_null(prime(function() runtime$stop_html("no such city", code = 404L)))
  expect_identical(primed$log, "answered 404: no such city")
  expect_match(prime(function() runtime$html_response("", 503L)), "^the handler answered with status 503")
  expect_match(prime(function() list(statusCode = 500)), "^the handler answered with status 500")
  expect_match(prime(function() runtime$stop_html("down", code = 502L)), "^down")
  expect_match(prime(function() stop("no model")), "^no model")
  expect_match(prime(function(city) city), "^missing argument \"city\"")
  runtime$lambda_config(serialiser = function(value) "no JSON")
  expect_null(prime(function() 1))
})

test_that("a stream is collected", {
  keep_settings()
  written <- FALSE
  handler <- function() {
    runtime$stream_response(function(write) {
      write("a")
      write(as.raw(1:3))
      written <<- TRUE
    })
  }
  for (event in c("{}", http_event)) {
    written <- FALSE
    runtime$lambda_config(prime = event)
    expect_null(prime(handler))
    expect_true(written)
  }
  expect_match(prime(function() runtime$stream_response(function(write) stop("cut"))), "^cut")
})

test_that("a record that fails is a failure of a batch", {
  keep_settings()
  runtime$lambda_config(prime = event_json("sqs-event"))
  expect_null(prime(runtime$batch_handler(function(record) record$data)))
  expect_match(prime(runtime$batch_handler(function(record) stop("bad"))), "^[0-9]+ records? failed")
  runtime$lambda_config(prime = event_json("firehose-event"))
  expect_null(prime(runtime$batch_handler(function(record) record$data)))
  expect_match(prime(runtime$batch_handler(function(record) stop("bad"))), "^[0-9]+ records? failed")
})

test_that("a plumber router is primed like a handler", {
  keep_settings()
  in_user_dir()
  writeLines(c("#* @get /", "function() \"hello\"", "#* @get /down", "function() stop(\"no model\")"), "api.R")
  loaded <- runtime$load_handler("api.R")
  runtime$lambda_config(prime = http_event)
  expect_null(prime(loaded$fn, "plumber"))
  runtime$lambda_config(prime = sub("\"/\"", "\"/down\"", http_event))
  expect_match(prime(loaded$fn, "plumber"), "^no model")
})

test_that("a handler of a lambdr script is primed with its context", {
  for (setting in c("", "lambdr")) {
    local({
      local_lambdr()
      compat(setting)
      seen <- NULL
      assign("see", function(x, context) seen <<- list(x, context$aws_request_id), globalenv())
      writeLines(c("f <- function(num, context) see(num, context)", "lambdr::start_lambda()"), "runtime.R")
      loaded <- runtime$load_handler("f")
      runtime$lambda_config(prime = list(num = 5L))
      expect_null(prime(loaded$fn))
      expect_identical(seen[[1L]], 5L)
      expect_identical(seen[[2L]], "priming")
    })
  }
})

test_that("priming leaves the seed as it was", {
  keep_settings()
  withr::local_preserve_seed()
  runtime$lambda_config(prime = function() runif(1))
  set.seed(1)
  before <- .Random.seed
  expect_null(prime(function() NULL))
  expect_identical(.Random.seed, before)
  rm(".Random.seed", envir = globalenv())
  expect_null(prime(function() NULL))
  expect_false(exists(".Random.seed", globalenv(), inherits = FALSE))
})

test_that("temporary files of file_response() are deleted", {
  keep_settings()
  path <- NULL
  runtime$lambda_config(prime = http_event)
  expect_null(prime(function() {
    writeLines("x", path <<- tempfile(fileext = ".csv"))
    runtime$file_response(path)
  }))
  expect_false(file.exists(path))
})

test_that("priming compiles closures", {
  printed <- in_new_r(
    "compiled <- function(f) typeof(.Internal(bodyCode(f))) == 'bytecode'",
    "loop <- function(n) { total <- 0; for (i in seq_len(n)) total <- total + nrow(iris) * i; total }",
    "handler <- function(n) { worker <- function(k) loop(k); worker(n) }",
    "cat(compiled(loop), '\\n')",
    "runtime$current$log <- function(...) cat('logged:', ..., '\\n')",
    "runtime$call_user(quote(runtime$lambda_config(prime = list(n = 3L))), globalenv())",
    "io <- runtime$open_io('/dev/null', '/dev/null')",
    "runtime$install_handlers()",
    "failed <- runtime$prime(runtime$new_handler(handler, 'handler'), NULL, io)",
    "cat(is.null(failed), compiled(loop), '\\n')"
  )
  expect_identical(trimws(printed), c("FALSE", "TRUE TRUE"))
})

test_that("a durable handler is primed as far as its first wait", {
  keep_settings()
  got <- character()
  handler <- runtime$durable(function(x) {
    runtime$durable_step("s", got <<- c(got, "step"))
    runtime$durable_wait(seconds = 1)
    got <<- c(got, "after")
  })
  runtime$lambda_config(prime = list(x = 1L))
  expect_null(prime(handler, "durable"))
  expect_identical(got, "step")
  expect_null(runtime$current$durable)
})
