# A function whose init takes half a second, because it loads a package.
suppressPackageStartupMessages(library(ggplot2))

f <- function() "fine"
