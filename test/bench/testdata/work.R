# Functions that keep a worker busy.

# burn() uses the CPU for about 20 ms. The work is fixed, not the time, because a worker that
# waits for a CPU makes no progress.
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
