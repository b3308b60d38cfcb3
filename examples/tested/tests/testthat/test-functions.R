# Rscript -e 'testthat::test_dir("tests/testthat")'

library(lambdaruntime)

test_that("a price is an answer to a request", {
  request <- sample_event("url", path = "/price", query = list(item = "tea", count = 2))
  answer <- invoke_handler("functions.price", request)
  expect_equal(answer$statusCode, 200)
  expect_equal(answer$body, '{"item":"tea","total":6.4}')
})

test_that("an unknown item is not found", {
  request <- sample_event("url", path = "/price", query = list(item = "gold"))
  expect_message(answer <- invoke_handler("functions.price", request), "no such item: gold")
  expect_equal(answer$statusCode, 404)
})

test_that("an argument that price() does not have is an error", {
  expect_error(invoke_handler("functions.price", list(itm = "tea")), class = "Runtime.InvalidArguments")
})

test_that("a queue sends only those orders again that cannot be booked", {
  orders <- sample_event("sqs", body = list(list(item = "tea", count = 2), list(item = "gold", count = 1)))
  expect_message(report <- invoke_handler("functions.book", orders), "no such item: gold")
  expect_equal(report$batchItemFailures$itemIdentifier, orders$Records[[2]]$messageId)
})
