local_edition(3)

# run() evaluates `expr` under with_conditions() and returns list(value, log).
run <- function(expr) {
  log <- list()
  value <- runtime$with_conditions(
    function() expr,
    log = function(level, message, call) {
      log[[length(log) + 1L]] <<- list(level = level, message = message, call = call)
    }
  )
  list(value = value, log = log)
}

expect_report <- function(expr, type, message) {
  got <- run(expr)$value
  expect_s3_class(got, "failure")
  expect_identical(got$type, type)
  expect_identical(got$message, message)
}

custom <- function(class, ..., call = NULL) {
  structure(class = c(class, "condition"), list(..., call = call))
}

test_that("the value is returned, even when it is NULL", {
  expect_identical(run(42), list(value = 42, log = list()))
  expect_identical(run(NULL), list(value = NULL, log = list()))
})

test_that("warnings and messages are logged and the code goes on", {
  f <- function() {
    warning("first")
    message("second")
    as.integer("x")
    message("two\nlines\n")
    "done"
  }
  got <- run(f())
  expect_identical(got$value, "done")
  expect_identical(
    got$log,
    list(
      list(level = "warn", message = "first", call = quote(f())),
      list(level = "info", message = "second", call = NULL),
      list(level = "warn", message = "NAs introduced by coercion", call = quote(f())),
      list(level = "info", message = "two\nlines", call = NULL)
    )
  )
})

test_that("warnings that the user's code suppresses are not logged", {
  expect_length(run(suppressWarnings(as.integer("x")))$log, 0L)
  expect_length(run(suppressMessages(message("x")))$log, 0L)
  expect_identical(run(tryCatch(warning("x"), warning = function(w) "caught"))$value, "caught")
})

test_that("warnings are logged, and not made errors, under options(warn = 2)", {
  withr::local_options(warn = 2L)
  got <- run({
    as.integer("x")
    "done"
  })
  expect_identical(got$value, "done")
  expect_identical(got$log[[1L]]$level, "warn")
})

test_that("an error's type is the first of its classes", {
  expect_report(stop("no"), "simpleError", "no")
  expect_report(stop(custom(c("teapot", "error"), message = "short")), "teapot", "short")
  expect_report(stopifnot("x is odd" = FALSE), "simpleError", "x is odd")
  expect_report(get("no_such_object"), "simpleError", "object 'no_such_object' not found")
  expect_report(rlang::abort("no", class = "my_class"), "my_class", "no")
})

test_that("an error's text is not a format", {
  text <- "100%s of %d {x}"
  expect_report(stop(text), "simpleError", text)
  expect_report(runtime$fail("Runtime.InitError", text), "Runtime.InitError", text)
  expect_identical(run(warning(text))$log[[1L]]$message, text)
  expect_identical(run(message(text))$log[[1L]]$message, text)
})

test_that("a failure of the runtime keeps its type and its stack", {
  stack <- list(list(call = "f()"))
  got <- run(runtime$fail("Runtime.InitError", "a ", 1, stack = stack))$value
  expect_identical(unclass(got), list(type = "Runtime.InitError", message = "a 1", stack = stack))
})

test_that("errors that the user's code catches are its own", {
  expect_identical(run(tryCatch(stop("x"), error = conditionMessage))$value, "x")
  expect_s3_class(run(try(stop("x"), silent = TRUE))$value, "try-error")
  cleaned <- FALSE
  f <- function() {
    on.exit(cleaned <<- TRUE)
    stop("x")
  }
  expect_report(f(), "simpleError", "x")
  expect_true(cleaned)
  # Caught, then another: the report is of the second.
  expect_report(tryCatch(stop("first"), error = function(e) stop("second")), "simpleError", "second")
  expect_report(tryCatch(stop("x"), finally = NULL), "simpleError", "x")
})

test_that("the user's calling handlers run before the runtime's", {
  seen <- NULL
  got <- run(withCallingHandlers(
    {
      warning("w")
      stop("e")
    },
    warning = function(w) seen <<- c(seen, "warning"),
    error = function(e) seen <<- c(seen, "error")
  ))
  expect_identical(seen, c("warning", "error"))
  expect_identical(got$value$message, "e")
  expect_length(got$log, 1L)
})

test_that("conditions of other classes are not the runtime's", {
  got <- run({
    signalCondition(custom("progress", message = "50%"))
    "done"
  })
  expect_identical(got, list(value = "done", log = list()))
})

test_that("custom warnings and messages are logged, with a restart or without one", {
  got <- run({
    warning(custom(c("w", "warning"), message = "a", call = quote(f(x))))
    message(custom(c("m", "message"), message = "b"))
    signalCondition(custom(c("m", "message"), message = "c"))
    "done"
  })
  expect_identical(got$value, "done")
  expect_identical(vapply(got$log, `[[`, "", "message"), c("a", "b", "c"))
  expect_identical(got$log[[1L]]$call, quote(f(x)))
})

test_that("a condition whose message cannot be read is still reported", {
  # R reads the message before it signals the condition, so the second reading is ours.
  readings <- 0L
  registerS3method("conditionMessage", "unreadable", function(c) {
    readings <<- readings + 1L
    if (readings == 1L) "for R" else stop("not today")
  })
  unreadable <- "(the condition's message cannot be read)"
  expect_report(stop(custom(c("unreadable", "error"))), "unreadable", unreadable)
  readings <- 0L
  got <- run({
    message(custom(c("unreadable", "message")))
    "done"
  })
  expect_identical(got$value, "done")
  expect_identical(got$log[[1L]]$message, unreadable)
})

test_that("condition_text() makes one string of any message", {
  registerS3method("conditionMessage", "odd_message", function(c) list("a", 1))
  expect_identical(runtime$condition_text(custom("odd_message")), "a\n1")
  expect_identical(runtime$condition_text(custom("without_message")), "")
  expect_identical(runtime$condition_text(custom("plain", message = "a\n\n")), "a")
})

test_that("messages are valid UTF-8 and have an end", {
  expect_report(stop("a\xffb"), "simpleError", "a<ff>b")
  got <- run(stop(custom(c("long", "error"), message = strrep("x", 1e6))))$value
  expect_lt(nchar(got$message), 65537L)
})
