local_edition(3)

test_that("a connection that user code closed is opened again", {
  path <- normalizePath(tempfile(), mustWork = FALSE)
  withr::defer(unlink(path))
  con <- runtime$open_pipe(path, "wb")
  expect_identical(runtime$restore_pipe(con, path, "wb"), con)
  close(con)

  # Its number now belongs to another file.
  other <- tempfile()
  stranger <- file(other, "wb")
  withr::defer({
    close(stranger)
    unlink(other)
  })
  expect_identical(as.integer(stranger), as.integer(con))
  again <- runtime$restore_pipe(con, path, "wb")
  withr::defer(close(again))
  expect_identical(summary(again)$description, path)
})
