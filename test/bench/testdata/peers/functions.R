# The functions that the peers serve, in R.

parity <- function(number) list(parity = if (as.integer(number) %% 2 == 0) "even" else "odd")

# records() takes many records and returns their number and a sum.
records <- function(records) list(n = nrow(records), total = sum(records$amount))

# rows() returns many rows.
rows <- function(n) data.frame(id = seq_len(n), half = seq_len(n) / 2, name = "row")

# pid() returns the process to kill.
pid <- function() list(pid = Sys.getpid())
