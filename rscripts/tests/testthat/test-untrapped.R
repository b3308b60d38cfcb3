local_edition(3)

# untrapped() runs one invocation of a function, and returns list(answer, log, invocation).
untrapped <- function(fn, text, env = parent.frame()) {
  log <- character()
  invocation <- list2env(list(
    frame = runtime$desk_frame("r-1", 60),
    log = function(level, message, ...) log <<- c(log, paste(level, message)),
    started = runtime$now_ms(), whole = TRUE
  ))
  withr::defer(runtime$current$invocation <- runtime$current$log <- NULL, envir = env)
  answer <- runtime$evaluate_untrapped(invocation, runtime$new_handler(fn, "f"), text)
  list(answer = as.vector(answer), log = log, invocation = invocation)
}

test_that("the frame has the function's name and a deadline", {
  withr::local_envvar(AWS_LAMBDA_FUNCTION_NAME = NA)
  frame <- runtime$desk_frame("r-1", 60, list(tenant_id = "blue", identity = NULL))
  expect_identical(frame$invoked_function_arn, "arn:aws:lambda:us-east-1:012345678912:function:function")
  expect_identical(frame$tenant_id, "blue")
  left <- runtime$ms_until(frame$deadline_ms)
  expect_true(left > 50000 && left <= 60000)
  withr::local_envvar(AWS_LAMBDA_FUNCTION_NAME = "prices")
  expect_match(runtime$desk_frame("r-1", 60)$invoked_function_arn, ":prices$")
})

test_that("an error is R's, at its place", {
  expect_identical(untrapped(function(n) n + 1L, "{\"n\":1}")$answer, "2")
  seen <- character()
  fail <- function() stop("no model")
  expect_error(
    withCallingHandlers(untrapped(function() fail(), "{}"), error = function(e) {
      seen <<- vapply(sys.calls(), function(call) deparse(call)[[1L]], character(1))
    }),
    "^no model$"
  )
  expect_true("fail()" %in% seen)
  expect_warning(untrapped(function() warning("careful"), "{}"), "^careful$")
  expect_error(untrapped(function() runtime$stop_html("down"), "{}"), "^down$", class = "html_error")
})

test_that("an HTTP caller reads the errors that are for callers, and they are logged", {
  got <- untrapped(function() runtime$stop_html("no city", code = 404L), http())
  expect_identical(jsonlite::parse_json(got$answer)[c("statusCode", "body")], list(statusCode = 404L, body = "no city"))
  expect_identical(got$log, "info answered 404: no city")
  got <- untrapped(function() runtime$stop_html("down", code = 503L), http())
  expect_identical(got$log, "error answered 503: down")
  got <- untrapped(function(city) 1, http())
  expect_match(got$log, "^info answered 400: missing argument")
  expect_error(untrapped(function() stop("secret"), http()), "^secret$")
})

test_that("files that the handler has sent are deleted", {
  path <- NULL
  untrapped(function() {
    path <<- tempfile(fileext = ".txt")
    writeLines("x", path)
    runtime$file_response(path)
  }, http())
  expect_false(file.exists(path))
})
