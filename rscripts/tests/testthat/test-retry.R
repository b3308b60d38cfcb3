local_edition(3)

test_that("backoff() grows its pauses up to the longest", {
  pauses <- function(retry, n) vapply(seq_len(n), function(i) retry(simpleError("e"), i), numeric(1))
  expect_identical(pauses(runtime$backoff(first = 2, factor = 3, jitter = FALSE), 4L), c(2, 6, 18, 54))
  expect_identical(pauses(runtime$backoff(first = 2, factor = 3, most = 10, jitter = FALSE), 3L), c(2, 6, 10))
  drawn <- replicate(200, runtime$backoff()(simpleError("e"), 4L))
  expect_true(all(drawn >= 1 & drawn <= 40 & drawn == round(drawn)) && length(unique(drawn)) > 5)
  expect_identical(runtime$backoff(first = as.difftime(1, units = "mins"), jitter = FALSE)(simpleError("e"), 1L), 60)
})

test_that("backoff() ends after its attempts, and with other errors", {
  retry <- runtime$backoff(attempts = 2, on = "http_error")
  http <- custom(c("http_503", "http_error", "error"), message = "busy")
  expect_true(is.numeric(retry(http, 1L)))
  expect_null(retry(http, 2L))
  expect_null(retry(simpleError("e"), 1L))
  expect_null(runtime$backoff(attempts = 1)(http, 1L))
})

test_that("backoff() refuses what makes no sense", {
  expect_error(runtime$backoff(attempts = 0), "attempts must be a whole number of at least 1")
  expect_error(runtime$backoff(attempts = 1.5), "attempts must be a whole number")
  expect_error(runtime$backoff(first = 0), "first must be a number of seconds from 1 to 31,622,400")
  expect_error(runtime$backoff(most = NA), "most must be a number")
  expect_error(runtime$backoff(factor = 0.5), "factor must be a number of at least 1")
  expect_error(runtime$backoff(jitter = "full"), "jitter must be TRUE or FALSE")
  expect_error(runtime$backoff(on = 1), "on must be classes")
})

test_that("a retry of the user's decides on error and attempt", {
  pause <- function(retry, cond = simpleError("e")) runtime$retry_pause("step", retry, cond, 1L)
  expect_identical(pause(function(error, attempt) 2.4), 3)
  expect_identical(pause(function(error, attempt) 0), 1)
  expect_identical(pause(function(error, attempt) as.difftime(2, units = "mins")), 120)
  for (none in list(NULL, FALSE, NA)) {
    expect_null(pause(function(error, attempt) none))
  }
  expect_null(pause(NULL))
  expect_null(pause(FALSE))
  expect_error(pause(function(error, attempt) "soon"), "must return a number of seconds")
  expect_null(pause(function(error, attempt) 5, runtime$too_large(strrep("x", 3e5), "it", "fix")))
})
