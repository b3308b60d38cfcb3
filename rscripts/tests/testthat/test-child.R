local_edition(3)

test_that("a child context is one value, and does not run again", {
  f <- function() {
    x <- 1
    a <- durable_child("c", {
      note("body")
      x <- 5
      durable_step("in", x + 1)
    })
    durable_wait(seconds = 1)
    c(a, x)
  }
  expect_identical(result(f), c(6L, 1L))
  expect_identical(noted(), "body")
})

test_that("a child context that waits goes on where it was", {
  f <- function() {
    durable_child("c", {
      a <- durable_step("one", note("one"))
      durable_wait(seconds = 5)
      durable_step("two", note("two"))
      "done"
    })
  }
  expect_identical(result(f), "done")
  expect_identical(noted(), c("one", "two"))
})

test_that("an error is that of the child, with the classes of what was in it", {
  f <- function() {
    caught <- tryCatch(durable_child("c", durable_step("s", stop("no"), retry = NULL)), durable_step_error = function(e) c(class(e)[[1L]], conditionMessage(e)))
    durable_wait(seconds = 1)
    caught
  }
  expect_identical(result(f), c("durable_child_error", "the child context \"c\" failed: the step \"s\" failed: no"))
  expect_identical(conditionMessage(execute(function() durable_child("c", stop("direct")))$error), "the child context \"c\" failed: direct")
})

test_that("a value that is too large is made again from its operations", {
  f <- function() {
    x <- durable_child("c", {
      note("body")
      a <- durable_step("in", {
        note("step")
        "x"
      })
      paste(rep(a, 3e5), sample(letters, 3e5, TRUE), collapse = "")
    })
    durable_wait(seconds = 1)
    x
  }
  got <- execute(f)
  expect_identical(nchar(got$result), 900000L)
  expect_identical(noted(), c("body", "step", "body"))
})

test_that("NULL and a serialiser's text come back", {
  expect_null(result(function() durable_child("c", NULL)))
  own <- list(write = toupper, read = identity)
  expect_identical(result(function() durable_child("c", "hello", serialiser = own)), "HELLO")
})
