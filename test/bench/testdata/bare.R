# An R without the runtime. Each line of its input is a number of calls of burn().
source("work.R")
input <- file("stdin", "r")
while (length(line <- readLines(input, 1L))) {
  for (i in seq_len(as.integer(line))) {
    burn()
  }
  cat("done\n")
}
