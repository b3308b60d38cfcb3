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

draw <- function(plot) {
  if (inherits(plot, "recordedplot")) {
    grDevices::replayPlot(plot)
  } else if (inherits(plot, c("gtable", "grob"))) {
    grid::grid.draw(plot)
  } else {
    print(plot)
  }
}
