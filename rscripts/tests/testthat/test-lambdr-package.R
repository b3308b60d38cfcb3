local_edition(3)

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
  expect_identical(runtime$load_handler("f")$fn(), "inner")
  expect_identical(runtime$load_handler("runtime.f")$fn(), "inner")
})

test_that("start_lambda() outside of the handler's file is an error", {
  local_lambdr()
  runtime$provide_lambdr()
  expect_error(lambdr::start_lambda(), "works only in the handler's file")
  expect_error(lambdr::start_lambda(list()), "lambda_config")
})

test_that("a handler given to lambda_config() is taken, and else the named one must be there", {
  f <- loaded("lambdr::start_lambda(config = lambdr::lambda_config(handler = function(a) a))", "any")
  expect_identical(f("{\"a\": 2}"), "2")
  expect_error(lambdr::lambda_config(handler = "f"), "handler must be a function")
  expect_error(lambdr::lambda_config(serialiser = 1), "serialiser must be a function")
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

test_that("html_response() sends repeated headers as the source expects them", {
  f <- loaded(c(
    "library(lambdr)",
    "f <- function() html_response('', headers = list('Set-Cookie' = 'a=1', 'Set-Cookie' = 'b=2', X = NULL))",
    "start_lambda()"
  ))
  expect_identical(jsonlite::parse_json(f(rest()))$multiValueHeaders, list("Set-Cookie" = list("a=1", "b=2")))
  expect_identical(jsonlite::parse_json(f(http()))$cookies, list("a=1", "b=2"))
})
