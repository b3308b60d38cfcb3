library(lambdaruntime)

test_that("an approved report is sent a day later", {
  run <- invoke_handler("functions.report", list(month = "May"),
    as = "execution", callbacks = list(approval = list(approved = TRUE))
  )
  expect_equal(run$result, list(month = "May", sent = TRUE, growing = 2))
  expect_equal(run$seconds, 86400)
})

test_that("a report that is refused is not sent", {
  run <- invoke_handler("functions.report", list(month = "May"),
    as = "execution", callbacks = list(approval = list(approved = FALSE))
  )
  expect_false(run$result$sent)
  expect_false("send" %in% run$operations$name)
})

test_that("a report that nobody looks at fails after three days", {
  expect_error(
    invoke_handler("functions.report", list(month = "May")),
    class = "durable_callback_timeout"
  )
})
