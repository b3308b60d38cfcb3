local_edition(3)

test_that("messages have no colours", {
  expect_identical(runtime$without_colours("\033[31mred\033[39m \033[1;38;5;9mx\033[0m"), "red x")
  expect_identical(runtime$without_colours("\033]8;;https://r-project.org\alink\033]8;;\a"), "link")
  expect_identical(runtime$without_colours("[31mx \a"), "[31mx \a")
  colour <- "\033[34mblue\033[39m"
  got <- run({
    warning(colour)
    message(colour)
    stop(colour)
  })
  expect_identical(got$value$message, "blue")
  expect_identical(vapply(got$log, `[[`, character(1), "message"), c("blue", "blue"))
})

test_that("an error has its causes, the nearest first", {
  needs(rlang = "1.0")
  source_code(c(
    "first <- function() stop(\"one\")",
    "second <- function() {",
    "  tryCatch(first(), error = function(e) rlang::abort(\"two\", class = \"second_error\", parent = e))",
    "}",
    "third <- function() {",
    "  tryCatch(second(), error = function(e) {",
    "    stop(errorCondition(\"three\", class = \"third_error\", parent = e))",
    "  })",
    "}"
  ))
  failed <- call_named("third")$value
  expect_identical(failed$type, "third_error")
  expect_identical(failed$message, "three")
  expect_length(failed$parents, 2L)
  expect_identical(failed$parents[[1L]][c("type", "message", "call")], list(type = "second_error", message = "two", call = "second()"))
  # The frames that rlang keeps of a cause, without those of the stack itself.
  expect_identical(stack_text(failed$stack)[1:2], c("third()", "tryCatch(second(), error = function(e) { ... (functions.R:6)"))
  expect_identical(stack_text(failed$parents[[1L]]$stack)[c(1L, 3L)], c(
    "second()", "rlang::abort(\"two\", class = \"second_error\", parent = e) (functions.R:3)"
  ))
  expect_identical(failed$parents[[2L]], list(type = "simpleError", message = "one", call = "first()", stack = list()))
})

test_that("a cause whose frames are in the stack has none of its own", {
  needs(rlang = "1.0")
  source_code(c(
    "first <- function() rlang::abort(\"one\")",
    "second <- function() {",
    "  withCallingHandlers(first(), error = function(e) rlang::abort(\"two\", parent = e))",
    "}"
  ))
  failed <- call_named("second")$value
  expect_identical(failed$message, "two")
  expect_true("rlang::abort(\"one\") (functions.R:1)" %in% stack_text(failed$stack))
  expect_identical(failed$parents, list(list(type = "rlang_error", message = "one", call = "first()", stack = list())))
})

test_that("causes are at most ten, and none where there is no condition", {
  cond <- simpleError("0")
  for (i in 1:20) {
    cond <- errorCondition(as.character(i), class = "chained", parent = cond)
  }
  parents <- run(stop(cond))$value$parents
  expect_identical(vapply(parents, `[[`, character(1), "message"), as.character(19:10))
  for (parent in list(NA, "text", NULL, list(message = "x"))) {
    expect_null(run(stop(errorCondition("x", class = "odd", parent = parent)))$value$parents)
  }
  # User code may have put anything there.
  odd <- errorCondition("x", class = "odd", parent = errorCondition("y", trace = "no trace", call = 1))
  expect_identical(run(stop(odd))$value$parents, list(list(type = "error", message = "y", stack = list())))
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

test_that("errors of processx have the exit status and what the child wrote", {
  needs(processx = "3.8")
  got <- run(processx::run("sh", c("-c", "echo 'no font' >&2; exit 3")))$value
  expect_identical(got$type, "system_command_status_error")
  expect_match(got$message, "System command 'sh' failed\n---\nExit status: 3\nStderr:\nno font$")
  got <- run(processx::run("sleep", "60", timeout = 0.01))$value
  expect_match(got$message, "timed out\n---\nExit status: -9")
  got <- run(processx::run("no-such-program"))$value
  expect_match(got$message, "cannot start processx process 'no-such-program' .*No such file")
  # Where the package formats nothing, the message is left.
  bare <- structure(class = c("rlib_error_9_9", "error", "condition"), list(message = "bare", call = NULL))
  registerS3method("format", "rlib_error_9_9", function(x, ...) stop("no format"))
  expect_report(stop(bare), "rlib_error_9_9", "bare")
})

test_that("errors of callr have the child's error, its output and its stack", {
  needs(callr = "3.7.3")
  source_code("f <- function() callr::r(function() { g <- function() log(-1:\"a\"); g() })")
  got <- call_named("f")$value
  expect_identical(got$type, "callr_status_error")
  expect_match(got$message, "in callr subprocess.*NA/NaN argument.*Standard error:.*NAs introduced by coercion")
  expect_identical(got$parents[[1L]]$type, "simpleError")
  expect_identical(got$parents[[1L]]$message, "NA/NaN argument")
  expect_identical(stack_text(got$parents[[1L]]$stack), "g()")
  got <- run(callr::r(function() quit(status = 5)))$value
  expect_match(got$message, "could not start R, exited with non-zero status")
})

test_that("an error has the warning of the same call as its reason", {
  needs(rlang = "1.0")
  reasons <- list(
    "cannot open the connection: cannot open file 'none.txt': No such file or directory" = quote(readLines("none.txt")),
    "cannot open the connection: cannot open file '/none/x.csv': No such file or directory" = quote(write.csv(1, "/none/x.csv")),
    "cannot open the connection: cannot open compressed file 'none.rds', probable reason 'No such file or directory'" =
      quote(readRDS("none.rds")),
    "cannot open the connection: cannot open compressed file 'none.rda', probable reason 'No such file or directory'" =
      quote(load("none.rda")),
    "cannot open the connection: 127.0.0.1:1 cannot be opened" = quote(socketConnection("127.0.0.1", 1))
  )
  for (message in names(reasons)) {
    expect_report(eval(reasons[[message]]), "simpleError", message)
  }
  got <- run(rlang::try_fetch(readLines("none"), error = function(e) rlang::abort("no data", parent = e)))$value
  expect_match(got$parents[[1L]]$message, "^cannot open the connection: .*No such file or directory$")
  loaded <- run(source_code("x <- readLines(\"none.txt\")"))$value
  expect_identical(loaded$message, paste0("functions.R:1: ", names(reasons)[[1L]]))
})

test_that("other warnings are not an error's reason", {
  user <- function() {
    warning("careful")
    stop("no")
  }
  expect_report(user(), "simpleError", "no")
  coerces <- function() {
    as.integer("x")
    no_such_object
  }
  expect_report(coerces(), "simpleError", "object 'no_such_object' not found")
  expect_report(
    {
      try(readLines("none"), silent = TRUE)
      stop("later")
    },
    "simpleError", "later"
  )
  # A warning of an earlier invocation is not either.
  run(try(file("none.txt", "r"), silent = TRUE))
  expect_report(stop(simpleError("cannot", quote(file("none.txt", "r")))), "simpleError", "cannot")
})
