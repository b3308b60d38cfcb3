local_edition(3)

local_records <- function(lines, env = parent.frame()) {
  path <- tempfile()
  writeLines(lines, path)
  runtime$session$recorded <- path
  ran <- new.env()
  run_event <- runtime$run_event
  runtime$run_event <- function(text) ran$text <- text
  withr::defer(
    {
      unlink(path)
      runtime$run_event <- run_event
      rm(list = intersect(c("recorded", "event"), ls(runtime$session)), envir = runtime$session)
    },
    envir = env
  )
  ran
}

records <- c(
  '{"id":"aa-1","time":"2026-01-01T00:00:01Z","handler":"f.g","failed":true,"event":"{\\"n\\": 1}"}',
  '{"id":"ab-2","time":"2026-01-01T00:00:02.123456789Z","handler":"f.g","failed":false,"event":"\\"\\u00e9\\""}',
  '{"id":"cut'
)

test_that("replay() runs the last event, an earlier one, or that of a request id", {
  ran <- local_records(records)
  runtime$replay()
  expect_identical(ran$text, "\"\u00e9\"")
  runtime$replay(2)
  expect_identical(ran$text, "{\"n\": 1}")
  expect_identical(runtime$session$event, list(text = "{\"n\": 1}"))
  runtime$replay("ab")
  expect_identical(ran$text, "\"\u00e9\"")
})

test_that("replay() stops if there is no such event", {
  local_records(records)
  for (which in list(0, 3, 1.5, NA, "", "zz", TRUE, 1:2, NULL)) {
    expect_error(runtime$replay(which), "2 events are recorded, and none is", fixed = TRUE)
  }
  runtime$session$recorded <- "/nowhere"
  expect_error(runtime$replay(), "no events are recorded: serve the function with bootstrap local")
  runtime$session$recorded <- ""
  expect_error(runtime$recorded_events(), "no events are recorded")
})

test_that("recorded_events() lists them, the last one first", {
  local_records(records)
  expect_identical(runtime$recorded_events(), data.frame(
    time = c("2026-01-01T00:00:02Z", "2026-01-01T00:00:01Z"),
    handler = "f.g",
    failed = c(FALSE, TRUE),
    event = c("\"\u00e9\"", "{\"n\": 1}"),
    id = c("ab-2", "aa-1")
  ))
  local_records(character())
  expect_identical(nrow(runtime$recorded_events()), 0L)
})
