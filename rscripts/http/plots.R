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

# png_bytes() returns a PNG file.
png_bytes <- function(plot, width, height, res) {
  plot_bytes(plot, function(path) open_first("PNG", png_devices(path, width, height, res)))
}

# svg_bytes() returns an SVG file.
svg_bytes <- function(plot, width, height) {
  plot_bytes(plot, function(path) open_first("SVG", svg_devices(path, width, height)))
}

# pdf_bytes() returns a PDF file, with a page for each plot.
pdf_bytes <- function(plot, width, height) {
  plot_bytes(plot, function(path) open_first("PDF", pdf_devices(path, width, height)))
}

# plot_bytes() returns the file that the device opened by open_device(path) draws. It evaluates
# `plot` while the device is open.
plot_bytes <- function(plot, open_device) {
  restore_temp_dir(current$log) # the handler may have emptied /tmp
  path <- tempfile()
  on.exit(unlink(path), add = TRUE)
  open_device(path)
  device <- grDevices::dev.cur()
  is_open <- function() device %in% grDevices::dev.list()
  on.exit(if (is_open()) grDevices::dev.off(device), add = TRUE, after = FALSE)
  grDevices::dev.control("enable") # so that recordPlot() shows whether anything was drawn
  value <- plot
  if (is_open()) {
    grDevices::dev.set(device)
  }
  if (is_plot(value)) {
    draw(value)
  }
  if (is_open()) {
    is_drawn <- !is.null(grDevices::recordPlot()[[1L]])
    grDevices::dev.off(device)
  } else {
    is_drawn <- file.exists(path) # code that draws may end with dev.off()
  }
  if (!is_drawn) {
    stop("nothing was drawn", call. = FALSE)
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
