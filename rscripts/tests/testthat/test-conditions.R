local_edition(3)

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

test_that("options(warn) says what becomes of warnings", {
  warns <- function() {
    warning("a", immediate. = TRUE)
    as.integer("x")
    "done"
  }
  for (warn in 0:1) {
    withr::local_options(warn = warn)
    got <- run(warns())
    expect_identical(got$value, "done")
    expect_identical(vapply(got$log, `[[`, character(1), "level"), c("warn", "warn"))
  }
  withr::local_options(warn = -1L)
  expect_identical(run(warns()), list(value = "done", log = list()))
  withr::local_options(warn = 2L)
  got <- run(warns())
  expect_identical(got$value$message, "(converted from warning) a")
  expect_identical(got$value$type, "simpleError")
  expect_length(got$log, 0L)
  expect_identical(run(suppressWarnings(warns()))$value, "done")
})

test_that("rlang's warnings and messages, and those of packages, are logged", {
  got <- run({
    rlang::warn(c("a", i = "more"), class = "own")
    rlang::inform(c("b", x = "less"))
    packageStartupMessage("welcome")
    "done"
  })
  expect_identical(got$value, "done")
  expect_identical(vapply(got$log, `[[`, character(1), "level"), c("warn", "info", "info"))
  expect_match(got$log[[1L]]$message, "^a\n.* more$")
  expect_match(got$log[[2L]]$message, "^b\n.* less$")
  expect_identical(got$log[[3L]]$message, "welcome")
})

test_that("an error given to warning() or message() is logged as one", {
  got <- run({
    tryCatch(stop("first"), error = function(e) warning(e))
    tryCatch(stop("second"), error = function(e) message(e))
    "done"
  })
  expect_identical(got$value, "done")
  expect_identical(vapply(got$log, `[[`, character(1), "level"), c("warn", "info"))
  expect_identical(vapply(got$log, `[[`, character(1), "message"), c("first", "second"))
})

# R itself looks for no handler of errors then, and a worker would die.
test_that("a condition that is not an error becomes one when it is given to stop()", {
  expect_report(tryCatch(warning("w"), warning = function(w) stop(w)), "simpleWarning", "w")
  expect_report(tryCatch(message("m"), message = function(m) stop(m)), "simpleMessage", "m")
  expect_report(withCallingHandlers(warning("w"), warning = function(w) stop(w)), "simpleWarning", "w")
  expect_report(stop(custom("odd", message = "not an error")), "odd", "not an error")
  expect_identical(run(tryCatch(stop(custom("odd")), odd = function(c) "caught"))$value, "caught")
  source_code(c("f <- function() {", "  tryCatch(warning(\"w\"), warning = function(w) stop(w))", "}"))
  got <- call_named("f")
  expect_identical(got$log, list())
  expect_identical(
    stack_text(got$value$stack),
    c("f()", "tryCatch(warning(\"w\"), warning = function(w) stop(w)) (functions.R:2)", "stop(w) (functions.R:2)")
  )
})

test_that("an error has the call that R names with it", {
  f <- function() stop("no")
  expect_identical(run(f())$value$call, "f()")
  expect_null(run(stop("no", call. = FALSE))$value$call)
  expect_identical(run(tryCatch(f(), error = function(e) stop(e)))$value$call, "f()")
  # Conditions from R's own machinery have no call.
  expect_null(run(tryCatch(warning("w"), warning = function(w) stop(w)))$value$call)
})

test_that("R goes on after its stack has overflowed", {
  needs(R = "4.2")
  recursive <- function(n) recursive(n + 1)
  expect_match(run(recursive(1))$value$type, "StackOverflowError$")
  expect_match(run(recursive(1))$value$message, "infinite recursion")
})

test_that("R goes on after an error for which it calls no handler", {
  printed <- in_new_r(
    "runtime$install_handlers()",
    "run <- function(expr) runtime$with_conditions(function() expr, log = NULL)",
    "options(expressions = 500000L)",
    "recursive <- function(n) recursive(n + 1)",
    "overflow <- run(recursive(1))",
    "cat(overflow$type, overflow$message, '\\n')",
    "cat(run('still here'), '\\n')",
    "removed <- run({ globalCallingHandlers(NULL); stop('no') })",
    "cat(removed$type, removed$message, '\\n')",
    "runtime$install_handlers()",
    "cat(run(stop('again'))$message, '\\n')"
  )
  printed <- trimws(printed[!grepl("^(Error|Calls)", printed)]) # without what R itself prints
  expect_match(printed[[1L]], "^CStackOverflowError C stack usage.* \\(infinite recursion\\?\\)$")
  expect_identical(printed[-1L], c("still here", "simpleError no", "again"))
})

test_that("an error in a finalizer is not the invocation's", {
  local({
    e <- new.env()
    reg.finalizer(e, function(e) stop("finalized"))
  })
  sink(file(tempfile(), "w"), type = "message") # where R reports it
  withr::defer({
    con <- getConnection(sink.number(type = "message"))
    sink(type = "message")
    close(con)
  })
  expect_identical(run({
    gc()
    "done"
  })$value, "done")
})

test_that("an error's type is the first of its classes", {
  expect_report(stop("no"), "simpleError", "no")
  expect_report(stop(custom(c("teapot", "error"), message = "short")), "teapot", "short")
  expect_report(stopifnot("x is odd" = FALSE), "simpleError", "x is odd")
  expect_report(get("no_such_object"), "simpleError", "object 'no_such_object' not found")
  expect_report(rlang::abort("no", class = "my_class"), "my_class", "no")
  expect_report(stop(custom(c(paste0("c", 1:500), "error"), message = "long")), "c1", "long")
  expect_report(stop("Gr\u00f6\u00dfe \U1F600"), "simpleError", "Gr\u00f6\u00dfe \U1F600")
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
  expect_identical(vapply(got$log, `[[`, character(1), "message"), c("a", "b", "c"))
  expect_identical(got$log[[1L]]$call, quote(f(x)))
})

test_that("of several interrupts the first one's stack counts", {
  interrupt <- function() tools::pskill(Sys.getpid(), 2L)
  source_code(c(
    "f <- function(interrupt) {",
    "  on.exit({ interrupt(); Sys.sleep(60) })",
    "  interrupt()",
    "  Sys.sleep(60)",
    "}"
  ))
  got <- call_named("f", list(interrupt = interrupt))$value
  expect_identical(got$type, "Runtime.Interrupted")
  expect_match(stack_text(got$stack)[[2L]], "functions.R:[34]\\)$")
})

test_that("sinks of messages get what R prints at once", {
  in_sink <- function(expr) run(utils::capture.output(expr, type = "message"))
  got <- in_sink({
    message("two\nlines")
    rlang::inform("three")
    cat("four\n", file = stderr())
  })
  expect_identical(got, list(value = c("two", "lines", "three", "four"), log = list()))
  # R prints a warning at its top level, so the sink would not get it.
  got <- in_sink(warning("later"))
  expect_identical(got$value, character())
  expect_identical(got$log[[1L]]$message, "later")
})

test_that("a message or a warning given to stop() is an error", {
  for (class in c("message", "warning")) {
    cond <- custom(class, message = "no")
    got <- run(stop(cond))
    expect_identical(got$value$message, "no")
    expect_length(got$log, 0L)
  }
})
