local_edition(3)

test_that("the messages of all queues are one list, each with its queue", {
  got <- records_of("rabbitmq-event")
  expect_identical(datas(got), list(list(order = 1L), "hello", "12"))
  expect_identical(vapply(got, `[[`, "", "queue"), c("orders::/", "orders::/", "returns::/"))
  expect_identical(got[[1L]]$basicProperties$headers$source$bytes, list(119L, 101L, 98L))
})

test_that("queues may be empty or hostile", {
  rabbit <- function(queues) runtime$event_records(paste0("{\"eventSource\":\"aws:rmq\",\"rmqMessagesByQueue\":", queues, "}"))
  expect_identical(rabbit("{}"), list())
  expect_identical(rabbit("{\"q\":[]}"), list())
  for (bad in c("{\"q\":[1]}", "{\"q\":\"x\"}")) {
    expect_error(rabbit(bad), "record 1: it is not a JSON object")
  }
  expect_error(rabbit("{\"q\":[{\"data\":7}]}"), "record 1: data is not base64")
})
