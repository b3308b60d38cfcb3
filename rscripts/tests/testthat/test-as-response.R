local_edition(3)

test_that("values become responses by their class", {
  expect_identical(responds(list(a = 1L, b = NULL)), list(
    statusCode = 200L, headers = list("Content-Type" = "application/json"),
    body = "{\"a\":1,\"b\":null}", isBase64Encoded = FALSE
  ))
  text <- responds("caf\u00e9")
  expect_identical(text$headers, list("Content-Type" = "text/plain; charset=utf-8"))
  expect_identical(text$body, "caf\u00e9")
  expect_identical(responds(c("a", "b"))$body, "[\"a\",\"b\"]")
  expect_identical(responds(NULL)$body, "null")
  expect_identical(responds(NA_character_)$body, "null")
  expect_identical(responds(I("a"))$body, "[\"a\"]")
  json <- responds(structure("{ }", class = "json"))
  expect_identical(json$body, "{ }")
  expect_identical(json$headers[["Content-Type"]], "application/json")
  glue <- structure("hi", class = c("glue", "character"))
  expect_identical(responds(glue)$headers[["Content-Type"]], "text/plain; charset=utf-8")
  page <- responds(structure("<p>hi</p>", html = TRUE, class = c("html", "character")))
  expect_identical(page$headers[["Content-Type"]], "text/html; charset=utf-8")
  expect_identical(page$body, "<p>hi</p>")
  raw <- responds(as.raw(0:3))
  expect_identical(raw$headers[["Content-Type"]], "application/octet-stream")
  expect_identical(bytes_of(raw), as.raw(0:3))
})

test_that("a serialiser makes the body", {
  keep_settings()
  runtime$lambda_config(serialiser = function(value) paste0("<", value$a, ">"))
  expect_identical(responds(list(a = 1))$body, "<1>")
  runtime$lambda_config(serialiser = function(value) 5)
  expect_error(responds(list(a = 1)), "must return one string, not numeric")
})

# define_methods() defines functions in the global environment, until the test ends.
define_methods <- function(..., env = parent.frame()) {
  methods <- list(...)
  list2env(methods, globalenv())
  withr::defer(rm(list = names(methods), envir = globalenv()), envir = env)
}

fit <- function() structure(list(slope = 2, data = mtcars), class = "fit")

# answers() returns what a direct caller gets for `value`.
answers <- function(value) runtime$encode_answer(value, list(source = "direct"))

test_that("a method in the handler's file makes a response of its class", {
  define_methods(as_response.fit = function(value, request, ...) {
    runtime$html_response(paste(request$headers$accept, value$slope), 201L, "text/plain")
  })
  got <- responds(fit(), accept = "text/fit")
  expect_identical(got$statusCode, 201L)
  expect_identical(got$body, "text/fit 2")
  # of another class, nothing changes
  expect_identical(responds("x")$body, "x")
})

test_that("a method may call the generic, and the next method", {
  define_methods(
    as_response.fit = function(value, request, ...) runtime$as_response(head(value$data["mpg"], 1L), request),
    as_response.rows = function(value, request, ...) {
      response <- NextMethod()
      response$status <- 203L
      response
    }
  )
  expect_identical(responds(fit(), accept = "text/csv")$body, "\"_row\",\"mpg\"\r\n\"Mazda RX4\",21\r\n")
  rows <- responds(structure(data.frame(a = 1), class = c("rows", "data.frame")))
  expect_identical(rows$statusCode, 203L)
  expect_identical(rows$body, "[{\"a\":1}]")
})

test_that("a method may be registered by a package, and replace one of the runtime's", {
  package <- new.env(parent = baseenv())
  package$as_response <- runtime$as_response
  before <- runtime$.__S3MethodsTable__.[["as_response.data.frame"]]
  withr::defer({
    rm("as_response.fit", envir = runtime$.__S3MethodsTable__.)
    assign("as_response.data.frame", before, runtime$.__S3MethodsTable__.)
  })
  method <- function(value, request, ...) runtime$html_response(class(value)[[1L]])
  registerS3method("as_response", "fit", method, envir = package)
  expect_identical(responds(fit())$body, "fit")
  registerS3method("as_response", "data.frame", method, envir = package)
  # The runtime's own methods are beside the generic, where R looks first unless user code calls it.
  expect_identical(responds(data.frame(a = 1))$body, "data.frame")
})

test_that("as_result() says what the JSON is of, for all callers", {
  define_methods(as_result.fit = function(value, ...) list(slope = value$slope))
  expect_identical(answers(fit()), "{\"slope\":2}")
  got <- responds(fit())
  expect_identical(got$body, "{\"slope\":2}")
  expect_identical(got$headers[["Content-Type"]], "application/json")
})

test_that("a value without a class attribute has no methods of user code", {
  define_methods(as_result.list = function(value, ...) "mine", as_response.list = function(value, ...) "mine")
  expect_identical(answers(list(1)), "[1]")
  expect_identical(responds(list(1))$body, "[1]")
})

test_that("a direct caller gets responses and plots as JSON", {
  expect_identical(
    answers(html_r("<p>", cookies = "a=1")),
    paste0(
      "{\"statusCode\":200,\"headers\":{\"Content-Type\":\"text/html; charset=utf-8\"},\"cookies\":[\"a=1\"],",
      "\"body\":\"<p>\",\"isBase64Encoded\":false}"
    )
  )
  png <- jsonlite::base64_dec(jsonlite::parse_json(answers(grid::circleGrob())))
  expect_identical(png[2:4], charToRaw("PNG"))
})

test_that("a method that does not return a response is an error that names both classes", {
  define_methods(as_response.fit = function(value, request, ...) list(1))
  expect_failure_type(responds(fit()), "Runtime.MarshalError", "as_response() returned a value of class \"list\" for one of class \"fit\"")
})

test_that("an error in a method has its stack", {
  source_code(c("as_response.fit <- function(value, request, ...) {", "  stop(\"no plot\")", "}"))
  failed <- runtime$with_conditions(
    function() runtime$encode_response(fit(), list(source = "url", headers = list())),
    log = function(...) NULL
  )
  expect_identical(failed$message, "no plot")
  expect_identical(stack_text(failed$stack), c(
    "as_response(value, request)", "as_response.fit(value, request)", "stop(\"no plot\") (functions.R:2)"
  ))
})

test_that("user code's methods are compiled as user code is", {
  before <- runtime$jit$user_level
  withr::defer(runtime$jit$user_level <- before)
  runtime$jit$user_level <- 3L
  level <- NULL
  define_methods(as_response.fit = function(value, request, ...) {
    level <<- compiler::enableJIT(-1L)
    runtime$html_response("")
  })
  responds(fit())
  expect_identical(level, 3L)
  expect_identical(compiler::enableJIT(-1L), 0L)
})
