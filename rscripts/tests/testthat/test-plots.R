local_edition(3)

signature <- as.raw(c(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))

# png_size() is the width and height that a PNG says it has.
png_size <- function(bytes) {
  expect_identical(bytes[1:8], signature)
  readBin(bytes[17:24], "integer", 2L, 4L, endian = "big")
}

# With the worker's default device, in a folder of its own.
in_worker <- function(env = parent.frame()) {
  in_user_dir(env)
  withr::local_options(device = runtime$null_device, .local_envir = env)
  withr::defer(
    {
      runtime$close_devices()
      expect_identical(list.files(all.files = TRUE, no.. = TRUE), character())
    },
    envir = env
  )
}

test_that("png_response() draws code, in the requested size", {
  in_worker()
  response <- runtime$png_response(plot(1:3))
  expect_identical(response$headers[["Content-Type"]], "image/png")
  expect_identical(png_size(response$body), c(800L, 600L))
  response <- runtime$png_response({
    plot(1:3)
    abline(h = 2)
  }, width = 200, height = 100, res = 50)
  expect_identical(png_size(response$body), c(200L, 100L))
  expect_null(dev.list())
})

test_that("plot objects are plots", {
  in_worker()
  plot(1:3)
  recorded <- recordPlot()
  expect_true(runtime$is_plot(recorded))
  expect_identical(png_size(runtime$as_response(recorded)$body), c(800L, 600L))
  gg <- ggplot2::ggplot(mtcars, ggplot2::aes(wt, mpg)) + ggplot2::geom_point()
  expect_identical(png_size(runtime$as_response(gg)$body), c(800L, 600L))
  trellis <- lattice::xyplot(mpg ~ wt, mtcars)
  expect_identical(png_size(runtime$as_response(trellis)$body), c(800L, 600L))
  expect_identical(png_size(runtime$as_response(grid::circleGrob())$body), c(800L, 600L))
  for (other in list(list(1), mtcars, lm(mpg ~ wt, mtcars), function() 1)) {
    expect_false(runtime$is_plot(other))
  }
})

test_that("svg_response() and pdf_response() draw code and plot objects", {
  in_worker()
  gg <- ggplot2::ggplot(mtcars, ggplot2::aes(wt, mpg)) + ggplot2::geom_point()
  for (response in list(
    runtime$svg_response(plot(1:3, main = "caf\u00e9")), runtime$svg_response(gg), runtime$svg_response(lattice::xyplot(mpg ~ wt, mtcars))
  )) {
    expect_identical(response$headers[["Content-Type"]], "image/svg+xml")
    expect_match(rawToChar(response$body), "<svg [^>]*width=['\"]576(.00)?(pt)?['\"] height=['\"]432(.00)?(pt)?['\"]")
  }
  two <- runtime$pdf_response({
    plot(1:3)
    print(gg)
  }, width = 4, height = 3, headers = list("X-Pages" = "2"))
  expect_identical(two$headers, list("Content-Type" = "application/pdf", "X-Pages" = "2"))
  expect_identical(rawToChar(two$body[1:5]), "%PDF-")
  expect_gt(length(two$body), length(runtime$pdf_response(plot(1:3))$body))
  sent <- runtime$proxy_result(runtime$svg_response(plot(1:3)), list(source = "http"))
  expect_false(sent$isBase64Encoded) # it is text
  expect_true(runtime$proxy_result(two, list(source = "http"))$isBase64Encoded)
  expect_null(dev.list())
})

test_that("a failed plot leaves no device open", {
  in_worker()
  for (draws in list(runtime$png_response, runtime$svg_response, runtime$pdf_response)) {
    expect_error(draws(stop("no data")), "no data")
    expect_error(draws(NULL), "nothing was drawn")
    with_off <- draws({
      plot(1)
      dev.off()
    })
    expect_gt(length(with_off$body), 1000L)
  }
  expect_null(dev.list())
})

test_that("plots without a device are drawn nowhere", {
  in_worker()
  plot(1:3)
  hist(c(1, 2, 2))
  expect_length(dev.list(), 1L)
  runtime$close_devices()
  expect_null(dev.list())
  runtime$close_devices() # again, which is nothing
})

test_that("a plot that fails while it is drawn says so and has a stack", {
  needs(ggplot2 = "3.4")
  source_code(c(
    "draws <- function() png_response(lattice::xyplot(mpg ~ hp, mtcars, panel = function(x, y) panel_fails()))",
    "panel_fails <- function() stop(\"no panel\")",
    "ggplots <- function() ggplot2::ggplot(mtcars, ggplot2::aes(no_column, mpg)) + ggplot2::geom_point()"
  ))
  assign("png_response", runtime$png_response, globalenv())
  # By default, lattice prints the error of a panel into the plot.
  withr::local_options(lattice.theme = NULL)
  lattice::lattice.options(panel.error = NULL)
  got <- call_named("draws")$value
  expect_identical(got$message, "the plot cannot be drawn: no panel")
  expect_true("panel_fails() (functions.R:1)" %in% stack_text(got$stack))
  expect_match(stack_text(got$stack)[[2L]], "^png_response\\(.* \\(functions\\.R:1\\)$")
  returned <- run(runtime$encode_result(runtime$result_of(ggplots())))$value
  expect_match(returned$message, "^the plot cannot be drawn: ")
  expect_identical(returned$type, "rlang_error")
  expect_match(stack_text(returned$stack)[[1L]], "^print\\(plot\\)")
  expect_match(returned$parents[[1L]]$message, "object 'no_column' not found")
})

test_that("a plot is drawn although the handler has removed tempdir()", {
  printed <- in_new_r(
    "unlink(tempdir(), recursive = TRUE)",
    "cat(runtime$png_response(plot(1:10))$headers[['Content-Type']], '\\n')",
    "unlink(tempdir(), recursive = TRUE)",
    "cat(runtime$pdf_response(plot(1:10))$headers[['Content-Type']], '\\n')"
  )
  expect_identical(trimws(printed), c("image/png", "application/pdf"))
})
