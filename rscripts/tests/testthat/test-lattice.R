local_edition(3)

test_that("both structures are requests", {
  for (name in c("vpc-lattice-event", "vpc-lattice-v2-event")) {
    request <- read_event(event_json(name))$request
    expect_identical(request$method, "POST")
    expect_identical(request$path, "/orders/7")
    expect_identical(request$query, list(tag = c("a b", "c")))
    expect_identical(request$content_type, "application/json")
    expect_identical(bind_arguments(event_json(name), function(amount, tag) NULL), list(amount = 5L, tag = c("a b", "c")))
  }
  expect_identical(request$headers$accept, "text/html, */*")
})

test_that("several Cookie headers are one", {
  text <- sub("\"accept\":", "\"cookie\": [\"a=1; b=2\", \"c=3\"], \"accept\":", event_json("vpc-lattice-v2-event"))
  expect_identical(read_event(text)$request$cookies, list(a = "1", b = "2", c = "3"))
})

test_that("responses have joined headers, and cookies beside them", {
  event <- read_event(event_json("vpc-lattice-event"))
  got <- jsonlite::parse_json(runtime$encode_answer(html_r("x", headers = list("X-A" = c("1", "2")), cookies = c("a=1", "b=2")), event))
  expect_identical(got$headers[["X-A"]], "1, 2")
  expect_identical(got$cookies, list("a=1", "b=2"))
  expect_false(runtime$takes_streams("lattice"))
})
