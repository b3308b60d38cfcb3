local_edition(3)

test_that("now_ms() is the time in milliseconds", {
  before <- as.numeric(Sys.time())
  now <- runtime$now_ms()
  expect_gte(now, before * 1000)
  expect_lte(now, as.numeric(Sys.time()) * 1000)
})

test_that("ms_until() is what is left until a deadline", {
  left <- runtime$ms_until(runtime$now_ms() + 5000)
  expect_lte(left, 5000)
  expect_gt(left, 4000)
  expect_lt(runtime$ms_until(1), 0)
  expect_identical(runtime$ms_until(NULL), Inf)
})
