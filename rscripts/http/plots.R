# Plots: PNG responses, and the device for plots without one.

# null_device() opens the default device, which draws nothing. R's own default would write
# Rplots.pdf to a disk that is read-only in Lambda. It records drawing for recordPlot().
null_device <- function(...) {
  grDevices::pdf(NULL)
  grDevices::dev.control("enable")
}

# close_devices() closes the devices that a handler left open. (Counting them with dev.list() would
# take longer.)
close_devices <- function() {
  if (length(get0(".Devices", baseenv(), inherits = FALSE)) > 1L) {
    grDevices::graphics.off()
  }
}

# is_plot() returns TRUE for a plot object of ggplot2, lattice, grid or recordPlot().
is_plot <- function(value) {
  inherits(value, c("ggplot", "recordedplot", "trellis", "gtable", "grob"))
}

# png_bytes() returns a PNG file. It evaluates `plot` while the device is open.
png_bytes <- function(plot, width, height, res) {
  path <- tempfile(fileext = ".png")
  on.exit(unlink(path), add = TRUE)
  type <- if (capabilities("cairo")) "cairo" else getOption("bitmapType")
  grDevices::png(path, width, height, res = res, type = type)
  device <- grDevices::dev.cur()
  on.exit(if (device %in% grDevices::dev.list()) grDevices::dev.off(device), add = TRUE, after = FALSE)
  value <- plot
  if (is_plot(value)) {
    grDevices::dev.set(device)
    draw(value)
  }
  grDevices::dev.off(device)
  if (!file.exists(path)) {
    stop("png_response(): nothing was drawn", call. = FALSE)
  }
  readBin(path, "raw", file.size(path))
}

# draw() draws a plot. Much of the user's code runs only then, and the message of its error says
# so. It is called as user code is, for its stack.
draw <- function(plot) {
  call <- if (inherits(plot, "recordedplot")) {
    quote(grDevices::replayPlot(plot))
  } else if (inherits(plot, c("gtable", "grob"))) {
    quote(grid::grid.draw(plot))
  } else {
    quote(print(plot))
  }
  calling_stopped(
    call_user(call, list2env(list(plot = plot), parent = globalenv())),
    function(cond, calls) {
      stack <- without_fail(capture_stack(calls, cond))
      run_error_option(cond)
      fail(
        class(cond)[[1L]], "the plot cannot be drawn: ", failure_text(cond),
        stack = stack, parents = condition_parents(cond, stack)
      )
    }
  )
}
