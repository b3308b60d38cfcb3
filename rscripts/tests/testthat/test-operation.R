local_edition(3)

test_that("operations outside of a durable handler are an error with the fix", {
  calls <- list(
    quote(durable_step("a", 1)), quote(durable_wait(seconds = 1)), quote(durable_child("a", 1)), quote(durable_callback("a")),
    quote(durable_wait_for_callback("a", function(id) 1)), quote(durable_invoke("f")), quote(durable_map(1, function(x) x)),
    quote(durable_parallel(1)), quote(durable_until("a", function(s) TRUE)), quote(durable_now())
  )
  for (call in calls) {
    expect_error(eval(call, runtime), "works only while a durable handler runs: make the handler with durable()", fixed = TRUE, class = "durable_error")
  }
})

test_that("names that Lambda refuses are refused before anything is stored", {
  for (name in list("n\u00e4me", "", strrep("a", 257), "a\nb", 1, NA_character_, c("a", "b"), NULL)) {
    got <- execute(function() durable_step(name, 1))
    if (is.null(name)) {
      expect_identical(got$result, 1L)
    } else {
      expect_match(conditionMessage(got$error), "1 to 256 printable ASCII characters")
      expect_identical(nrow(got$operations), 0L)
    }
  }
  expect_identical(execute(function() durable_step(strrep("a", 256), 1))$status, "SUCCEEDED")
  expect_refusal(function() durable_wait(seconds = 1, name = "\u00e9"), "printable ASCII")
})

test_that("the error of a name shows what it is", {
  expect_refusal(function() durable_step(strrep("a", 257), 1), "aaa...\" of 257")
  expect_refusal(function() durable_step(c("a", "b"), 1), "not \"a\", \"b\"")
  expect_refusal(function() durable_step(5, 1), "not numeric")
})

test_that("operations inside of steps are an error that names both", {
  expect_refusal(function() durable_step("outer", durable_step("inner", 1)), "durable_step(\"inner\") is inside of the step \"outer\"", "durable_child()")
  expect_refusal(function() durable_step("outer", durable_wait(seconds = 1)), "durable_wait() is inside of the step \"outer\"")
  expect_refusal(function() durable_until("outer", function(s) durable_step("inner", 1)), "is inside of the step \"outer\"")
  callback_inside <- function() {
    callback <- durable_callback("c")
    durable_step("outer", callback_result(callback))
  }
  expect_refusal(callback_inside, "callback_result() is inside of the step \"outer\"")
})

test_that("a fork of the handler's process has no operations", {
  f <- function() parallel::mccollect(parallel::mcparallel(tryCatch(durable_step("a", 1), error = conditionMessage)))[[1L]]
  expect_match(result(f), "works only in the handler's process, not in a fork of it")
})

test_that("an outcome can end the handler", {
  sent <- list()
  send <- function(operation, payload) {
    sent[[length(sent) + 1L]] <<- operation
    list(stop = TRUE)
  }
  execution <- runtime$new_execution(list(arn = "arn", started_ms = 0, known = list()), send)
  value <- runtime$run_durable(execution, function() {
    tryCatch(runtime$durable_step("a", 1), condition = function(cond) "caught")
    "went on"
  })
  expect_null(value)
  expect_true(execution$stopped)
  expect_identical(length(sent), 1L)
  expect_identical(sent[[1L]], list(id = "1", parent = NULL, type = "STEP", subtype = "Step", name = "a", action = "start"))
  expect_null(runtime$current$durable)
})
