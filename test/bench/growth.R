# Plots the results of BenchmarkGrowth: Rscript growth.R growth.csv growth.png. Each panel has the
# measurements, and the straight line through them that minimises the relative errors.

paths <- commandArgs(TRUE)
all <- utils::read.csv(paths[[1L]])
titles <- c(
  event = "event of records", text = "event of one text", result = "result: data frame",
  arguments = "number of arguments", depth = "depth of the event", workers = "number of busy workers (CPU time)"
)

grDevices::png(paths[[2L]], width = 1500, height = 900, res = 130)
graphics::par(mfrow = c(2L, 3L), mar = c(4, 4, 2.5, 1), mgp = c(2.3, 0.7, 0), las = 1)
for (what in names(titles)) {
  rows <- all[all$what == what, ]
  line <- stats::lm(ms ~ size, rows, weights = 1 / rows$ms^2)
  graphics::plot(
    rows$size, rows$ms,
    pch = 19, xlab = rows$unit[[1L]], ylab = "ms", ylim = c(0, max(rows$ms) * 1.1), col = "#1b5e9e"
  )
  graphics::abline(line, col = "#c0504d")
  graphics::title(titles[[what]], line = 1.4)
  graphics::mtext(sprintf("%.2f ms + %.3g ms per 1000", stats::coef(line)[[1L]], stats::coef(line)[[2L]] * 1000), cex = 0.6, line = 0.1)
}
invisible(grDevices::dev.off())
