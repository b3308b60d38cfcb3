# Functions that take and return much data.

# ignore() and ignore_rows() have their argument made, and do nothing with it. On HTTP sources the
# first one gets the whole event, and the second one the body.
ignore <- function(event) {
  force(event)
  TRUE
}

ignore_rows <- function(rows) {
  stopifnot(is.data.frame(rows))
  TRUE
}

rows <- 1e5L
frames <- list(
  numbers = data.frame(id = seq_len(rows), value = sin(seq_len(rows)), weight = seq_len(rows) / 8),
  strings = data.frame(name = paste("item", seq_len(rows)), group = rep_len(c("alpha", "beta"), rows)),
  mixed = data.frame(id = seq_len(rows), group = rep_len(c("alpha", "beta"), rows), value = seq_len(rows) / 8, ok = seq_len(rows) %% 2L == 0L),
  dates = data.frame(day = as.Date("2024-01-01") + seq_len(rows) %% 1000L, at = as.POSIXct(seq_len(rows) * 60, origin = "1970-01-01", tz = "UTC")),
  missing = data.frame(value = ifelse(seq_len(rows) %% 3L == 0L, NA, seq_len(rows) / 8), name = ifelse(seq_len(rows) %% 2L == 0L, NA, "x"))
)

frame <- function(name) frames[[name]]
