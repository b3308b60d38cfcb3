local_edition(3)

# local_lambdr() undoes, at the end of the test, what a script and start_lambda() leave:
# the runtime's settings, and the namespace.
local_lambdr <- function(env = parent.frame()) {
  paths <- .libPaths()
  old_settings <- as.list(runtime$settings)
  withr::defer(
    {
      rm(list = ls(runtime$settings), envir = runtime$settings)
      list2env(old_settings, runtime$settings)
      if ("package:lambdr" %in% search()) {
        detach("package:lambdr")
      }
      if (isNamespaceLoaded("lambdr")) {
        .Internal(unregisterNamespace("lambdr"))
      }
      unlink(file.path(tempdir(), "lambda-r-library"), recursive = TRUE)
      .libPaths(paths)
    },
    envir = env
  )
  in_user_dir(env)
}

# loaded() writes a script, loads a handler of it, and returns a function that gives it
# an event's text and returns the answer's.
loaded <- function(lines, handler = "f", env = parent.frame()) {
  local_lambdr(env)
  writeLines(lines, "runtime.R")
  found <- suppressPackageStartupMessages(runtime$load_handler(handler))
  takes <- runtime$handler_arguments(found)
  runtime$check_arguments(takes, handler)
  function(event) {
    runtime$current$frame <- list(id = "id-1", invoked_function_arn = "arn:1")
    runtime$evaluate(charToRaw(enc2utf8(event)), found, handler, takes)
  }
}

# compat() sets LAMBDA_R_COMPAT until the end of the test.
compat <- function(setting = "lambdr", env = parent.frame()) {
  withr::local_envvar(LAMBDA_R_COMPAT = setting, .local_envir = env)
  runtime$read_compat_setting()
  withr::defer(runtime$settings$lambdr_compat <- runtime$settings$lambdr_arguments <- FALSE, envir = env)
}

# Events, with `...` put in or in the place of what they have.
json <- function(...) as.character(jsonlite::toJSON(list(...), auto_unbox = TRUE, null = "null"))

rest <- function(...) {
  event <- list(
    httpMethod = "POST", path = "/f", headers = list("content-type" = "application/json"),
    requestContext = list(stage = "test"), body = NULL, isBase64Encoded = FALSE
  )
  given <- list(...)
  event[names(given)] <- given
  do.call(json, event)
}

http <- function(...) {
  event <- list(
    version = "2.0", routeKey = "ANY /f", rawPath = "/f", rawQueryString = "", headers = list(accept = "*/*"),
    requestContext = list(http = list(method = "POST"), domainName = "x.execute-api.example"), isBase64Encoded = FALSE
  )
  given <- list(...)
  event[names(given)] <- given
  do.call(json, event)
}

sns <- function(message) {
  json(Records = list(list(EventSource = "aws:sns", EventVersion = "1.0", Sns = list(MessageId = "1", Message = message))))
}

eventbridge <- function(detail) {
  json(version = "0", "detail-type" = "Scheduled Event", source = "aws.events", detail = detail)
}

body_of <- function(answer) jsonlite::parse_json(answer)$body

test_that("start_lambda() ends the script, and the handler is of its frame", {
  f <- loaded(c("f <- function(x) x + 1", "lambdr::start_lambda()", "stop('behind')"))
  expect_identical(f("{\"x\": 1}"), "2")
})

test_that("start_lambda() works inside a function, a tryCatch() and source()", {
  local_lambdr()
  writeLines(c(
    "main <- function() {",
    "  f <- function() 'inner'",
    "  tryCatch(lambdr::start_lambda(), condition = function(e) stop('caught'))",
    "}",
    "main()"
  ), "main.R")
  writeLines(c("# for lambdr", "source('main.R')"), "runtime.R")
  expect_identical(runtime$load_handler("f")(), "inner")
  expect_identical(runtime$load_handler("runtime.f")(), "inner")
})

test_that("start_lambda() outside of the handler's file is an error", {
  local_lambdr()
  runtime$provide_lambdr()
  expect_error(lambdr::start_lambda(), "none is being loaded")
  expect_error(lambdr::start_lambda(list()), "lambda_config")
})

test_that("a handler given to lambda_config() is taken, and else the named one must be there", {
  f <- loaded("lambdr::start_lambda(config = lambdr::lambda_config(handler = function(a) a))", "any")
  expect_identical(f("{\"a\": 2}"), "2")
  expect_error(lambdr::lambda_config(handler = "f"), "handler is a function")
  expect_error(lambdr::lambda_config(serialiser = 1), "serialiser is a function")
  writeLines(c("g <- 1", "lambdr::start_lambda()"), "runtime.R")
  expect_failure_type(runtime$load_handler("no_such_thing"), "Runtime.NoSuchHandler", "no_such_thing")
})

test_that("R finds the package in all its ways", {
  local_lambdr()
  runtime$provide_lambdr()
  runtime$provide_lambdr() # once is enough
  exports <- c("as_stringified_json", "from_base64", "html_response", "lambda_config", "start_lambda", "stop_html")
  expect_setequal(getNamespaceExports("lambdr"), exports)
  expect_true(requireNamespace("lambdr", quietly = TRUE))
  expect_false("package:lambdr" %in% search())
  suppressPackageStartupMessages(library(lambdr))
  expect_true(require(lambdr))
  expect_setequal(ls("package:lambdr"), exports)
  expect_identical(search()[[2L]], "package:lambdr")
  expect_identical(as.character(packageVersion("lambdr")), runtime$lambdr_version)
  expect_true("lambdr" %in% loadedNamespaces())
  expect_true("lambdr" %in% rownames(installed.packages()))
  expect_match(capture.output(print(sessionInfo())), "lambdr_1", all = FALSE)
  expect_error(lambdr::nothing, "nothing")
})

test_that("only a file that mentions it gets the package, and not beside the real one", {
  local_lambdr()
  source_code("f <- 1")
  expect_false(isNamespaceLoaded("lambdr"))
  library_path <- normalizePath(withr::local_tempdir())
  dir.create(file.path(library_path, "lambdr"))
  writeLines(c("Package: lambdr", "Version: 1.0"), file.path(library_path, "lambdr", "DESCRIPTION"))
  withr::with_libpaths(library_path, action = "prefix", {
    expect_message(source_code("f <- 'lambdr'"), "is installed")
  })
  expect_false(isNamespaceLoaded("lambdr"))
  source_code("f <- 'lambdr'")
  expect_true(isNamespaceLoaded("lambdr"))
})

test_that("without LAMBDA_R_COMPAT arguments and numbers are the runtime's", {
  f <- loaded(c("f <- function(number) number / 3", "lambdr::start_lambda()"))
  expect_identical(f("{\"number\": 1}"), "0.333333333333333")
  expect_failure_type(f("{\"num\": 1}"), "Runtime.InvalidArguments", "num")
  expect_identical(body_of(f(rest(body = "{\"number\": 6}"))), "2")
  expect_identical(body_of(f(http(body = jsonlite::base64_enc("{\"number\": 6}"), isBase64Encoded = TRUE))), "2")
})

test_that("a deserialiser gets the whole event's text and makes the arguments", {
  script <- c(
    "f <- function(a, b = 'none') list(a, b)",
    "lambdr::start_lambda(lambdr::lambda_config(deserialiser = %s))"
  )
  f <- loaded(sprintf(script, "identity"))
  for (event in c("{\"x\":1}", "no JSON", rest(body = "1"))) {
    answer <- jsonlite::parse_json(f(event))
    expect_identical(if (is.null(answer$body)) answer[[1L]] else jsonlite::parse_json(answer$body)[[1L]], event)
  }
  f <- loaded(sprintf(script, "function(text) list(nchar(text), b = 'given')"))
  expect_identical(f("{\"x\":1}"), "[7,\"given\"]")
  f <- loaded(sub("(a,", "(a = 0,", sprintf(script, "function(text) list()"), fixed = TRUE))
  expect_identical(f("{\"x\":1}"), "[0,\"none\"]")
})

test_that("a serialiser makes all of the answer", {
  f <- loaded(c(
    "f <- function(x) x",
    "lambdr::start_lambda(lambdr::lambda_config(serialiser = function(value) paste0('<', value, '>')))"
  ))
  expect_identical(f("{\"x\": 1}"), "<1>")
  expect_identical(f(rest(body = "{\"x\": \"a\"}")), "<a>")
  expect_failure_type(f("{\"x\": [1, 2]}"), "Runtime.MarshalError", "serialiser")
})

test_that("html_response() is sent as it is", {
  f <- loaded(c(
    "library(lambdr)",
    "f <- function() html_response('<p>', FALSE, 201L, content_type = 'text/html', headers = list(x = 'a'))",
    "start_lambda()"
  ))
  want <- list(body = "<p>", isBase64Encoded = FALSE, statusCode = 201L, headers = list(x = "a", "Content-Type" = "text/html"))
  for (event in c("{}", rest(), http())) {
    expect_identical(jsonlite::parse_json(f(event)), want)
  }
})

test_that("html_response() returns text as documented, with checked headers", {
  html <- runtime$lambdr_html_response
  expect_identical(
    as.character(html("abc")), "{\"body\":\"abc\",\"isBase64Encoded\":false,\"statusCode\":200}"
  )
  expect_true(attr(html("abc"), "already_serialised"))
  expect_match(html("YQ==", is_base64 = TRUE), "\"isBase64Encoded\":true", fixed = TRUE)
  headers <- function(...) jsonlite::parse_json(html("", ...))$headers
  expect_identical(headers(content_type = "a/b", headers = list("content-type" = "c/d")), list("content-type" = "c/d"))
  expect_error(html("", headers = list(x = "a\r\nb: c")), "line break")
  expect_error(html("", content_type = "a\nb"), "line break")
  expect_identical(body_of(html(NULL)), NULL)
})

test_that("a result is not taken for an answer because of an attribute alone", {
  expect_false(runtime$is_serialised(structure(1, already_serialised = TRUE)))
  expect_false(runtime$is_serialised("{}"))
})

test_that("as_stringified_json() and from_base64() work anywhere", {
  text <- runtime$lambdr_stringified_json
  expect_identical(text(list(number = 9)), "{\"number\":9}")
  expect_identical(text(list(a = NULL, b = NA_real_, c = pi)), "{\"a\":null,\"b\":null,\"c\":3.14159265358979}")
  expect_identical(text(pi, digits = 2), "3.14")
  expect_null(text(NULL))
  compat()
  expect_identical(text(c(pi, NA)), "[3.1416,\"NA\"]")
  expect_identical(runtime$lambdr_from_base64("eyJhIjoiw7wifQ=="), "{\"a\":\"\u00fc\"}")
  expect_null(runtime$lambdr_from_base64(NULL))
})

test_that("decode_base64 = FALSE gives the first argument base64", {
  config <- "lambdr::start_lambda(lambdr::lambda_config(decode_base64 = FALSE))"
  event <- http(body = "/9j/4A==", isBase64Encoded = TRUE, headers = list("content-type" = "image/jpeg"))
  for (setting in c("", "lambdr")) {
    compat(setting)
    f <- loaded(c("f <- function(image, size = 1) list(image)", config))
    expect_identical(body_of(f(event)), "[\"/9j/4A==\"]")
  }
  compat("")
  f <- loaded(c("f <- function(size = 1, body) list(body)", config))
  expect_identical(body_of(f(event)), "[\"/9j/4A==\"]")
  f <- loaded(c("f <- function(...) list(...)", config))
  expect_identical(body_of(f(event)), "{\"body\":\"/9j/4A==\"}")
})

test_that("LAMBDA_R_COMPAT is checked", {
  withr::local_envvar(LAMBDA_R_COMPAT = "plumber")
  expect_failure_type(
    runtime$read_compat_setting(), "Runtime.InvalidConfiguration", "LAMBDA_R_COMPAT", "\"plumber\"", "want lambdr"
  )
  for (setting in c("", "lambdr")) {
    compat(setting)
    expect_identical(runtime$settings$lambdr_compat, setting == "lambdr")
  }
})

test_that("with LAMBDA_R_COMPAT numbers have four digits and a number's NA is \"NA\"", {
  compat()
  f <- loaded("f <- function() list(pi = pi, na = NA_real_, text = NA_character_, n = 1L)")
  expect_identical(f("{}"), "{\"pi\":3.1416,\"na\":\"NA\",\"text\":null,\"n\":1}")
  expect_identical(body_of(f(rest())), "{\"pi\":3.1416,\"na\":\"NA\",\"text\":null,\"n\":1}")
  f <- loaded("f <- function() 'text'")
  expect_identical(body_of(f(rest())), "\"text\"")
  f <- loaded("f <- function() NULL")
  expect_identical(body_of(f(rest())), "")
  expect_identical(f("{}"), "null")
})

test_that("with LAMBDA_R_COMPAT R matches the arguments", {
  compat()
  f <- loaded("f <- function(number) number * 10")
  expect_identical(f("{\"num\": 5}"), "50")
  expect_error(f("{\"other\": 5}"), "unused argument")
  expect_error(f("{}"), "missing, with no default")
  expect_identical(f("5"), "50")
  f <- loaded("f <- function(event, x) list(event, x)")
  expect_identical(f("{\"x\": 1, \"event\": 2}"), "[2,1]")
  f <- loaded("f <- function(...) list(...)")
  expect_identical(f("{\"...\": 1, \"\": 2, \"..1\": 3, \"a b\": 4}"), "{\"...\":1,\"2\":2,\"..1\":3,\"a b\":4}")
})

test_that("with LAMBDA_R_COMPAT bodies and queries are what lambdr makes of them", {
  compat()
  f <- loaded("f <- function(...) list(...)")
  form <- list("content-type" = "application/x-www-form-urlencoded")
  expect_identical(body_of(f(rest(body = "{\"a\":1}", headers = form))), "{\"a\":1}")
  expect_identical(body_of(f(rest(queryStringParameters = list(q = "1,2"), pathParameters = list(id = "7")))), "{\"q\":\"1,2\"}")
  expect_identical(body_of(f(rest(body = "[1,2]"))), "[1,2]")
  expect_identical(body_of(f(rest(body = ""))), "[]")
  twice <- rest(
    queryStringParameters = list(q = "b"), multiValueQueryStringParameters = list(q = c("a", "b"))
  )
  expect_identical(body_of(f(twice)), "{\"q\":\"b\"}")
  split <- http(
    body = jsonlite::base64_enc("{\"a\":1}"), isBase64Encoded = TRUE,
    rawQueryString = "q=1&q=2", queryStringParameters = list(q = "1,2", r = "3", s = "")
  )
  expect_identical(body_of(f(split)), "{\"a\":1,\"q\":[\"1\",\"2\"],\"r\":\"3\",\"s\":[]}")
  for (body in c("a=1", "/etc/passwd", "https://127.0.0.1/")) {
    failed <- failure(f(rest(body = body)))
    expect_identical(failed$type, "Runtime.BadRequest")
    expect_match(failed$public, "^the body is not valid JSON")
  }
  bytes <- rest(body = "//79", isBase64Encoded = TRUE)
  expect_identical(failure(f(bytes))$public, "the body is not text")
})

test_that("with LAMBDA_R_COMPAT EventBridge gives its detail and SNS its message", {
  compat()
  f <- loaded("f <- function(...) list(...)")
  named <- structure(list(), names = character())
  expect_identical(f(eventbridge(list(kind = "backup", n = 1L))), "{\"kind\":\"backup\",\"n\":1}")
  expect_identical(f(eventbridge(named)), "[]")
  expect_identical(f(eventbridge(NULL)), "[]")
  for (simplify in c("true", "false")) {
    withr::local_envvar(LAMBDA_R_SIMPLIFY = simplify)
    expect_identical(f(sns("{\"state\":\"ALARM\"}")), "{\"state\":\"ALARM\"}")
    expect_identical(f(sns("just text")), "[\"just text\"]")
    expect_identical(f(sns("/etc/passwd")), "[\"/etc/passwd\"]")
  }
  none <- json(Records = list(list(EventSource = "aws:sns", Sns = "x")))
  expect_failure_type(f(none), "Runtime.InvalidArguments", "not one record")
})

test_that("with LAMBDA_R_COMPAT the context is a list of strings", {
  compat()
  withr::local_envvar(AWS_LAMBDA_FUNCTION_NAME = "fun", AWS_LAMBDA_FUNCTION_MEMORY_SIZE = "512")
  f <- loaded("f <- function(x, context) context")
  context <- jsonlite::parse_json(f("{\"x\": 1}"))
  expect_identical(names(context), c(
    "aws_request_id", "invoked_function_arn", "function_name", "function_version", "memory_limit_in_mb",
    "log_group_name", "log_stream_name"
  ))
  expect_identical(context$aws_request_id, "id-1")
  expect_identical(context$memory_limit_in_mb, "512")
})
