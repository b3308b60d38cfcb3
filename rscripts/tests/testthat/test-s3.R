local_edition(3)

test_that("the key of an S3 object is decoded", {
  expect_identical(
    datas(records_of("s3-event")),
    list(list(bucket = "sourcebucket", key = "Happy Face.jpg", size = 1024L, version = "version"))
  )
  key <- function(key) {
    runtime$event_records(json(Records = list(list(eventSource = "aws:s3", s3 = list(object = list(key = key))))))[[1L]]$data$key
  }
  expect_identical(key("a+b%2Bc/caf%C3%A9.jpg"), "a b+c/caf\u00e9.jpg")
  expect_identical(key("100%"), "100%")
})

test_that("a task of S3 Batch Operations has its object", {
  expect_identical(
    datas(records_of("s3-batch-job-event-request-1.0")),
    list(list(bucket = "awsexamplebucket", key = "customerImage1.jpg", version = "1"))
  )
  expect_identical(
    datas(records_of("s3-batch-job-event-2.0")),
    list(list(bucket = "photos-bucket", key = "photos/caf\u00e9 1.jpg", version = NULL))
  )
})
