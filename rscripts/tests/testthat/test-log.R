local_edition(3)

# log_record() returns the content of a log frame.
log_record <- function(...) {
  con <- bytes_con(runtime$log_frame(...))
  runtime$parse_text(runtime$bytes_to_text(runtime$read_frame(con)), FALSE)
}

test_that("a log frame has the record's fields", {
  expect_identical(
    log_record(NULL, "info", "attaching", NULL, list()),
    list(type = "log", id = NULL, level = "info", message = "attaching", call = "")
  )
  message <- "two\nlines of \"100%s\" <\\> caf\u00e9 \u0001"
  expect_identical(
    log_record("id-1", "warn", message, quote(f("x")), list(rows = 2L, name = "a\nb", list = list(1L))),
    list(
      type = "log", id = "id-1", level = "warn", message = message, call = "f(\"x\")",
      fields = list(rows = 2L, name = "a\nb", list = "[1]")
    )
  )
})
