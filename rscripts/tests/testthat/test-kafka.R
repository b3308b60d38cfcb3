local_edition(3)

test_that("the records of all partitions are one list, with keys and headers", {
  got <- records_of("msk-event")
  expect_identical(vapply(got, `[[`, 1, "offset"), c(15, 16, 3000000000, 3000000001))
  expect_identical(datas(got), list(list(amount = 3L), "no JSON", as.raw(c(0L, 255L, 1L)), NULL))
  expect_identical(lapply(got, `[[`, "key_data"), list("customer-1", "customer-1", list(customer = 2L), NULL))
  expect_identical(got[[1L]]$header_data, list(source = "web", "caf\u00e9" = "caf\u00e9"))
  expect_identical(got[[2L]]$header_data, list())
  expect_identical(got[[1L]]$value, "eyJhbW91bnQiOiAzfQ==")
  expect_identical(datas(records_of("self-managed-kafka-event")), list(1:2))
  for (name in c("aws:kafka", "aws:SelfManagedKafka", "SelfManagedKafka")) {
    text <- sub("\"eventSource\": *\"[^\"]*\"", paste0("\"eventSource\":\"", name, "\""), event_json("self-managed-kafka-event"))
    expect_identical(datas(runtime$event_records(text)), list(1:2))
  }
})

test_that("kafka's headers are bytes", {
  kafka <- function(headers) {
    runtime$event_records(paste0("{\"eventSource\":\"aws:kafka\",\"records\":{\"t-0\":[{\"headers\":", headers, "}]}}"))[[1L]]$header_data
  }
  expect_identical(kafka("[{\"a\":[]},{\"a\":[-1]}]"), list(a = "", a = as.raw(255L)))
  expect_identical(kafka("null"), list())
  for (bad in c("[{\"a\":\"x\"}]", "[{\"a\":[300]}]", "[{\"a\":[1.5]}]")) {
    expect_error(kafka(bad), "record 1: a header is not a list of bytes")
  }
})

test_that("kafka's partitions may be empty or hostile", {
  kafka <- function(records) runtime$event_records(paste0("{\"eventSource\":\"aws:kafka\",\"records\":", records, "}"))
  expect_identical(kafka("{}"), list())
  expect_identical(kafka("{\"t-0\":[]}"), list())
  expect_error(kafka("{\"t-0\":\"x\"}"), "record 1: it is not a JSON object")
})
