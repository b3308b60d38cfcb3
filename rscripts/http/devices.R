# Devices for plots. R may be built without cairo, or its libraries may be missing. Without a
# screen, R can then draw neither PNG nor SVG, but packages can.

# png_devices() returns functions that open a device for a PNG at `path`, the best first.
png_devices <- function(path, width, height, res) {
  type <- if (capabilities("cairo")) "cairo" else getOption("bitmapType")
  c(
    function() grDevices::png(path, width, height, res = res, type = type),
    from_package("ragg", function() ragg::agg_png(path, width, height, res = res))
  )
}

# svg_devices() returns the same for an SVG. The svglite package writes smaller files, whose text
# can be selected.
svg_devices <- function(path, width, height) {
  c(
    from_package("svglite", function() svglite::svglite(path, width, height)),
    function() grDevices::svg(path, width, height)
  )
}

# pdf_devices() returns the same for a PDF. R's own device has Latin-1 fonts only.
pdf_devices <- function(path, width, height) {
  c(
    if (capabilities("cairo")) function() grDevices::cairo_pdf(path, width, height, onefile = TRUE),
    function() grDevices::pdf(path, width, height)
  )
}

# from_package() returns a function that loads a package and opens its device.
from_package <- function(package, open) {
  function() {
    loadNamespace(package)
    open()
  }
}

# open_first() opens the first device that can be opened. R only warns if the libraries of a device
# are missing, so it counts the open devices.
open_first <- function(format, devices) {
  reasons <- character()
  for (open in devices) {
    before <- grDevices::dev.list()
    warnings <- list()
    problem <- tryCatch(
      withCallingHandlers(
        {
          open()
          NULL
        },
        warning = function(cond) {
          warnings[[length(warnings) + 1L]] <<- cond
          invokeRestart("muffleWarning")
        }
      ),
      error = identity
    )
    if (is.null(problem) && length(setdiff(grDevices::dev.list(), before))) {
      lapply(warnings, warning)
      return(invisible())
    }
    conditions <- c(warnings, if (!is.null(problem)) list(problem))
    reasons <- c(reasons, sub(":?\\s*\n.*", "", vapply(conditions, conditionMessage, "")))
  }
  stop(
    "R can draw no ", format, " here: ", paste(reasons, collapse = "; "),
    ". Install cairo's libraries and an R that uses them (Debian, Ubuntu: libcairo2, libpango-1.0-0), ",
    "or the R package ", if (format == "SVG") "svglite" else "ragg",
    call. = FALSE
  )
}
