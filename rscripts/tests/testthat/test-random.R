local_edition(3)

test_that("random numbers outside of steps are the same in each replay", {
  f <- function() {
    a <- runif(2)
    note(a)
    durable_child("c", {
      note(runif(1))
      durable_step("s", runif(3))
    })
    durable_wait(seconds = 1)
    b <- sample(100L, 1L)
    durable_wait(seconds = 1)
    c(a, b, runif(1))
  }
  got <- execute(f)
  expect_identical(got$invocations, 3L)
  log <- noted()
  expect_identical(log[1:2], log[4:5])
  expect_identical(log[4:5], log[6:7])
  expect_identical(got$result[1:2], round(log[1:2], 4), tolerance = 1e-3)
})

test_that("each context has numbers of its own", {
  f <- function() unlist(durable_results(durable_map(1:3, function(i) runif(1))))
  expect_identical(length(unique(result(f))), 3L)
})

test_that("a second attempt of a step draws other numbers", {
  f <- function() {
    durable_step("s", {
      note(runif(1))
      if (length(ran$log) < 3) stop("again")
    })
    runif(1)
  }
  execute(f)
  expect_identical(length(unique(noted())), 3L)
})

test_that("numbers in steps follow the seed of a test, and the session's state comes back", {
  f <- function() durable_step("s", runif(1))
  draw <- function() {
    set.seed(1)
    list(execute(f)$result, runif(1))
  }
  expect_identical(draw(), draw())
  set.seed(2)
  before <- .Random.seed
  execute(function() runif(5))
  expect_identical(.Random.seed, before)
})

test_that("a seed depends on the whole text", {
  expect_identical(runtime$seed_number("arn:a "), runtime$seed_number("arn:a "))
  expect_false(runtime$seed_number("arn:a 1") == runtime$seed_number("arn:a 2"))
  expect_false(runtime$seed_number("ab") == runtime$seed_number("ba"))
})
