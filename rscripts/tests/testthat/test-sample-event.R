local_edition(3)

# Fields that take something else than a word.
odd <- list(
  path = "/x", query = c(a = "b"), headers = c(a = "b"), cookies = c(a = "b"), path_parameters = c(id = "7"), size = 1,
  new = list(id = "7"), old = list(id = "7"), keys = list(id = "7"), user_attributes = c(email = "x"), detail = list(a = 1),
  fragment = list(a = 1), params = list(a = 1)
)

test_that("each source has an event that it detects, as it is and with fields", {
  for (source in names(desk$sources)) {
    expect_identical(desk$detect_source(desk$sample_event(source)), source, info = source)
    for (sample in desk$sources[[source]]$samples) {
      event <- desk$sample_event(source, sample = sample)
      expect_identical(desk$detect_source(event), source, info = sample)
      if (!desk$is_http(source)) { # which are made again each time
        expect_equal(desk$parse_text(desk$event_to_json(event, "test"), FALSE), desk$parse_text(event_json(sample), FALSE), info = sample)
      }
    }
    fields <- if (source != "direct") setdiff(names(formals(desk$sample_fields[[source]])), "event")
    for (field in fields) {
      value <- if (is.null(odd[[field]])) "x" else odd[[field]]
      event <- do.call(desk$sample_event, c(list(source), structure(list(value), names = field)))
      expect_identical(desk$detect_source(event), source, info = paste(source, field))
      expect_match(desk$event_to_json(event, "test"), "^\\{")
    }
  }
})

test_that("the sources of the package have fields", {
  expect_setequal(c(names(desk$sample_fields), "direct"), names(desk$sources))
})

test_that("a source may be in capitals, and an unknown one is answered with a list", {
  expect_identical(desk$sample_event("SQS"), desk$sample_event("sqs"))
  expect_identical(desk$sample_event("S3-Batch", key = "a"), desk$sample_event("s3-batch", key = "a"))
  expect_error(desk$sample_event("mqtt"), "\"mqtt\" is not a source; the sources are authorizer, alb, url,.* direct$")
  expect_error(desk$sample_event(7), "source must be one string; the sources are")
  expect_error(desk$sample_event(c("sqs", "sns")), "source must be one string")
  expect_error(desk$sample_event(), "source")
})

test_that("unknown fields and samples are answered with a list", {
  expect_error(desk$sample_event("sqs", Body = "x"), "an event of sqs has no field \"Body\"; its fields are body, group", fixed = TRUE)
  expect_error(desk$sample_event("sqs", "x"), "fields must have names, such as body = ", fixed = TRUE)
  expect_error(desk$sample_event("sqs", sample = "x"), "\"x\" is not a sample of sqs; its samples are sqs-event, sqs-fifo-event", fixed = TRUE)
  expect_error(desk$sample_event("sqs", sample = 1), "its samples are")
  expect_error(desk$sample_event("sqs", body = list(f = sum)), "sample_event(): a field cannot be encoded as JSON", fixed = TRUE)
  expect_error(desk$sample_event("direct", 1), "fields must have names")
})

test_that("a direct event is what it is given", {
  expect_identical(desk$sample_event("direct", a = 1, b = list(2)), list(a = 1, b = list(2)))
  expect_true(length(desk$sample_event("direct")) > 0L)
})
