# An R without the runtime: it calls burn() as often as each line of its input says.
source("work.R")
input <- file("stdin", "r")
while (length(line <- readLines(input, 1L))) {
  for (i in seq_len(as.integer(line))) {
    burn()
  }
  cat("done\n")
}
