local_edition(3)

test_that("durable() takes a function and keeps its arguments", {
  f <- runtime$durable(function(month, context) month)
  expect_identical(names(formals(f)), c("month", "context"))
  expect_identical(runtime$new_handler(f, "f")$kind, "durable")
  for (other in list(1, sum, runtime$batch_handler(function(record) 1))) {
    expect_error(runtime$durable(other), "f must be a function such as")
  }
  expect_error(runtime$durable(function() 1, log_replays = NA), "log_replays must be TRUE or FALSE")
})

test_that("a handler and a function that do not fit are an error with the fix", {
  durable <- runtime$new_handler(runtime$durable(function() 1), "report")
  plain <- runtime$new_handler(function() 1, "report")
  expect_failure_type(runtime$check_durable(durable, list()), "Runtime.NotDurable", "report is durable", "no DurableConfig")
  expect_failure_type(
    runtime$check_durable(plain, list(durable = list(arn = "a"))),
    "Runtime.NotDurable", "report <- durable(", "without DurableConfig"
  )
  expect_null(runtime$check_durable(durable, list(durable = list(arn = "a"))))
  expect_null(runtime$check_durable(plain, list()))
})

test_that("suspension is caught by nothing, and runs what must run", {
  f <- function() {
    g <- function() {
      on.exit(note("on.exit"))
      tryCatch(durable_wait(seconds = 5), finally = note("finally"))
      "through"
    }
    a <- tryCatch(g(), condition = function(cond) "caught", error = function(e) "caught", interrupt = function(i) "caught")
    b <- try(durable_wait(seconds = 5))
    d <- withCallingHandlers(durable_wait(seconds = 5), condition = function(cond) note("seen"))
    list(a, b, d)
  }
  got <- execute(f)
  expect_identical(got$result, c("through", NA, NA))
  expect_identical(got$invocations, 4L)
  expect_identical(noted(), rep(c("finally", "on.exit"), 4L))
})

test_that("code that goes on after it was suspended does nothing more", {
  hijacked <- function() {
    g <- function() {
      on.exit(return("hijacked"))
      durable_wait(seconds = 5)
    }
    value <- g()
    durable_step("after", note("after"))
    value
  }
  expect_identical(execute(hijacked)$result, "hijacked")
  expect_identical(noted(), "after")
  in_exit <- function() {
    g <- function() {
      on.exit(durable_step("cleanup", note("cleanup")))
      durable_wait(seconds = 5)
    }
    g()
    1
  }
  got <- execute(in_exit)
  expect_identical(got$operations$name, c(NA, "cleanup"))
  expect_identical(noted(), "cleanup")
})

test_that("an error on the way of a suspension is logged, and the execution goes on", {
  f <- function() {
    if (!is_replaying()) on.exit(stop("no cleanup"))
    durable_wait(seconds = 5)
    "done"
  }
  expect_message(got <- execute(f), "an error while the handler was suspended: no cleanup")
  expect_identical(got$result, "done")
})

test_that("an execution has a start, and knows whether it replays", {
  f <- function() {
    first <- is_replaying()
    durable_wait(days = 1)
    note(list(first, is_replaying(), durable_step("in", is_replaying()), durable_now()))
  }
  before <- Sys.time()
  execute(f)
  got <- noted()
  expect_identical(got[1:3], list(TRUE, FALSE, FALSE))
  expect_true(abs(difftime(got[[4L]], before, units = "secs")) < 60)
  expect_false(runtime$is_replaying())
  expect_error(runtime$durable_now(), "works only while a durable handler runs", class = "durable_error")
})

test_that("a batch as the result is an error with the fix", {
  expect_refusal(function() durable_map(1:2, function(i) i), "return durable_results(batch)")
})

test_that("operations have ids by their places", {
  f <- function() {
    durable_step("a", 1)
    durable_child("b", {
      durable_step("c", 2)
      durable_child("d", durable_step("e", 3))
    })
    durable_step("f", 4)
  }
  expect_identical(execute(f)$operations$id, c("1", "2", "2-1", "2-2", "2-2-1", "3"))
})
