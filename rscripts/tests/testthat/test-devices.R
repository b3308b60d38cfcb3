local_edition(3)

# without_cairo() is a device whose libraries are missing: R only warns.
without_cairo <- function() warning("failed to load cairo DLL")
in_memory <- function() grDevices::pdf(NULL)

test_that("the first device that opens is used", {
  withr::defer(grDevices::graphics.off())
  opened <- character()
  device <- function(name, open) {
    function() {
      opened <<- c(opened, name)
      open()
    }
  }
  runtime$open_first("PNG", list(
    device("warns", without_cairo), device("fails", function() stop("no X11")), device("works", in_memory), device("rest", in_memory)
  ))
  expect_identical(opened, c("warns", "fails", "works"))
  expect_length(dev.list(), 1L)
})

test_that("a device that is open already does not count", {
  withr::defer(grDevices::graphics.off())
  in_memory()
  expect_error(runtime$open_first("PNG", list(without_cairo)), "R can draw no PNG here: failed to load cairo DLL")
  expect_length(dev.list(), 1L)
})

test_that("the warnings of the device that is used are kept, the others not", {
  withr::defer(grDevices::graphics.off())
  noisy <- function() {
    in_memory()
    warning("a font is missing")
  }
  expect_identical(testthat::capture_warnings(runtime$open_first("PNG", list(without_cairo, noisy))), "a font is missing")
})

test_that("the error has the first line of each reason, and what to install", {
  failing <- list(function() warning("unable to load cairo.so:\n  no such file"), without_cairo, function() stop("unable to start device PNG"))
  expect_error(
    runtime$open_first("PNG", failing),
    "unable to load cairo.so; failed to load cairo DLL; unable to start device PNG. Install cairo's libraries .* or the R package ragg"
  )
  expect_error(runtime$open_first("SVG", failing), "or the R package svglite")
})

test_that("a package that is not installed is no device", {
  expect_error(runtime$from_package("notthere", in_memory)(), "there is no package called")
  expect_null(dev.list())
})

test_that("R's own devices open", {
  path <- withr::local_tempfile()
  for (devices in list(
    runtime$png_devices(path, 100, 100, 72), runtime$svg_devices(path, 2, 2), runtime$pdf_devices(path, 2, 2)
  )) {
    runtime$open_first("PNG", devices)
    expect_length(dev.list(), 1L)
    grDevices::graphics.off()
  }
})
