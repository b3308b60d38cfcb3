# A function with a vector of 200 MB.
x <- as.numeric(seq_len(25e6)) + 0.5

f <- function() {
  i <- sample(length(x), 1e5)
  if (all(x[i] == i + 0.5)) "fine" else "wrong"
}
