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
