# Plots.

# null_device() is the device of plots that nobody opened one for. R's own would write
# Rplots.pdf, on a disk that is read-only in Lambda. It records what is drawn, so that
# recordPlot() works.
null_device <- function(...) {
  grDevices::pdf(NULL)
  grDevices::dev.control("enable")
}

# close_devices() ends what a handler drew on and left open. (dev.list() does more than
# to count.)
close_devices <- function() {
  if (length(get0(".Devices", baseenv(), inherits = FALSE)) > 1L) {
    grDevices::graphics.off()
  }
}

# is_plot() is TRUE for an object that is a plot: of ggplot2, lattice, grid, or of
# recordPlot().
is_plot <- function(value) {
  inherits(value, c("ggplot", "recordedplot", "trellis", "gtable", "grob"))
}

# png_bytes() returns a PNG file. `plot` is evaluated here, with the device open.
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
