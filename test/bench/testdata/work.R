# Functions that keep a worker busy, each in its own way.

# burn() uses the CPU for some 20 ms. The work is fixed, not the time: a worker that waits
# for a CPU gets nothing done.
burn <- function() {
  numbers <- seq_len(2000L) + 0
  total <- 0
  for (i in seq_len(7000L)) {
    total <- total + sum(numbers)
  }
  total
}

wait <- function() {
  Sys.sleep(0.1)
  "waited"
}

echo <- function(event) event
