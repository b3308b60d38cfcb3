local_edition(3)

branches <- list(
  list(index = 1L, name = "a", status = "SUCCEEDED", text = "5 "),
  list(index = 2L, name = NULL, status = "FAILED", error = list(type = "t", message = "m", data = NULL, stack = I(character()))),
  list(index = 4L, name = NULL, status = "STARTED")
)

test_that("a batch has what its text says", {
  batch <- runtime$read_batch(runtime$batch_text(branches, "ALL_COMPLETED"), "durable_map()", NULL, NULL)
  expect_s3_class(batch, "durable_batch")
  expect_identical(batch$results, list(a = 5L))
  expect_identical(conditionMessage(batch$errors[[1L]]), "durable_map(), branch 2 failed: m")
  expect_identical(
    batch[c("reason", "status", "success_count", "failure_count", "started_count", "total_count")],
    list(reason = "ALL_COMPLETED", status = "FAILED", success_count = 1L, failure_count = 1L, started_count = 1L, total_count = 3L),
    ignore_attr = TRUE
  )
})

test_that("durable_results() stops with the first failure", {
  batch <- runtime$read_batch(runtime$batch_text(branches, "ALL_COMPLETED"), "durable_map()", NULL, NULL)
  expect_error(runtime$durable_results(batch), "durable_map(), branch 2 failed: m", fixed = TRUE, class = "durable_child_error")
  fine <- runtime$read_batch(runtime$batch_text(branches[1L], "ALL_COMPLETED"), "durable_map()", NULL, NULL)
  expect_identical(runtime$durable_results(fine), list(a = 5L))
  expect_error(runtime$durable_results(list(1)), "batch must be what durable_map() or durable_parallel() returned", fixed = TRUE)
})

test_that("a summary has no values", {
  text <- runtime$batch_text(branches, "ALL_COMPLETED", values = FALSE)
  expect_identical(text, "{\"reason\":\"ALL_COMPLETED\",\"branches\":[{\"index\":1,\"status\":\"SUCCEEDED\",\"name\":\"a\"},{\"index\":2,\"status\":\"FAILED\"},{\"index\":4,\"status\":\"STARTED\"}]}")
})
