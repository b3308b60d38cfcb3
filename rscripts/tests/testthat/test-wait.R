local_edition(3)

test_that("a wait adds up its units", {
  seconds <- function(f) execute(f)$seconds
  expect_identical(seconds(function() durable_wait(days = 1, hours = 2, minutes = 3, seconds = 4)), 93784)
  expect_identical(seconds(function() durable_wait(minutes = 0.5, name = "half")), 30)
  expect_identical(seconds(function() durable_wait(seconds = 1.2)), 2)
  expect_identical(seconds(function() do.call(durable_wait, list(hours = 1))), 3600)
  expect_null(result(function() durable_wait(seconds = 1)))
})

test_that("a wait without a unit, too short or too long is an error with the fix", {
  expect_refusal(function() durable_wait(60), "name the unit, as in durable_wait(seconds = 30)")
  expect_refusal(function() durable_wait(seconds = 0.5), "it lasts 0.5 seconds", "use Sys.sleep() in a step")
  expect_refusal(function() durable_wait(), "it lasts 0 seconds")
  expect_refusal(function() durable_wait(days = 367), "it lasts 31,708,800 seconds", "366 days: an execution ends after that")
  expect_refusal(function() durable_wait(hours = 1, minutes = -30), "minutes must be a number that is not negative, not -30")
  expect_refusal(function() durable_wait(seconds = as.difftime(1, units = "mins")), "not difftime")
  for (wrong in list("1", NA, -1, c(1, 2), NULL, Inf)) {
    expect_identical(execute(function() durable_wait(seconds = wrong))$status, "FAILED")
  }
})
