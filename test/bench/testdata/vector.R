# A function with a vector of 200 MB.
x <- rep_len(c(1, 2, 3, 4), 25e6)

f <- function() if (sum(x) == 62500000) "fine" else "wrong"
