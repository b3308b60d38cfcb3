# Functions that log.

# talk() returns how long a message() takes, in microseconds.
talk <- function(n) {
  started <- proc.time()[[3L]]
  for (i in seq_len(n)) message("message ", i)
  (proc.time()[[3L]] - started) / n * 1e6
}

# talk_of_warnings() does the same with a warning that is always the same.
talk_of_warnings <- function(n) {
  started <- proc.time()[[3L]]
  for (i in seq_len(n)) warning("again")
  (proc.time()[[3L]] - started) / n * 1e6
}

# talk_of_lines() does the same with cat().
talk_of_lines <- function(n) {
  started <- proc.time()[[3L]]
  for (i in seq_len(n)) cat("line ", i, "\n", sep = "")
  (proc.time()[[3L]] - started) / n * 1e6
}
