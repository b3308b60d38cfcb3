# Functions whose cost grows with one thing, for BenchmarkGrowth.

ignore <- function(event) {
  force(event)
  TRUE
}

arguments <- function(...) ...length()

# rows() returns `rows` rows of about 50 bytes of JSON.
rows <- function(rows) {
  data.frame(id = seq_len(rows), name = "some text", value = seq_len(rows) / 8)
}

# spin() uses about a millisecond of CPU.
spin <- function() {
  numbers <- seq_len(2000L) + 0
  total <- 0
  for (i in seq_len(300L)) {
    total <- total + sum(numbers)
  }
  total
}
