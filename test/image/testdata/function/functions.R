# The handlers of the image's tests.
do <- function(what) {
  switch(what,
    pid = Sys.getpid(),
    hoard = hoard(),
    kill = tools::pskill(Sys.getpid(), tools::SIGKILL),
    write = vapply(c("/var/task", "/usr/lib/R", "/tmp", tempdir()), can_write, logical(1)),
    user = list(uid = Sys.info()[["user"]], home = path.expand("~")),
    system = list(fd = file.exists("/dev/fd"), utf8 = l10n_info()[["UTF-8"]], zone = Sys.timezone()),
    packages = vapply(base_packages(), requireNamespace, logical(1), quietly = TRUE),
    devices = vapply(c("png", "svg", "jpeg", "tiff", "pdf", "cairo_pdf"), draw, 0),
    fork = parallel::mclapply(1:2, function(i) i^2, mc.cores = 2),
    memory = object.size(numeric(5e6)) > 0
  )
}

hoard <- function() {
  taken <- list()
  repeat taken[[length(taken) + 1L]] <- rep(1, 1e6)
}

can_write <- function(dir) {
  suppressWarnings(file.create(tempfile(tmpdir = dir)))
}

base_packages <- function() rownames(installed.packages(priority = "base"))

# The size in bytes of a plot in a device's format.
draw <- function(device) {
  file <- tempfile()
  getExportedValue("grDevices", device)(file)
  plot(1:10, main = "\u00dcberschrift")
  dev.off()
  file.size(file)
}

# A picture of this text alone.
picture <- function(text, bold = "no") {
  png_response(
    {
      grid::grid.newpage()
      grid::grid.text(text, gp = grid::gpar(fontsize = 40, fontface = if (bold == "yes") 2L else 1L))
    },
    width = 400, height = 100
  )
}

handle <- function(event) {
  if (is.null(event$rawPath)) do(event$what) else do.call(picture, as.list(event$queryStringParameters))
}
