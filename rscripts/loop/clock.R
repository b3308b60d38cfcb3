# The clock, in milliseconds.

now_ms <- function() as.numeric(Sys.time()) * 1000

# ms_until() is how many milliseconds are left until the deadline, Inf where there is
# none.
ms_until <- function(deadline_ms) {
  if (is.null(deadline_ms)) Inf else deadline_ms - as.numeric(Sys.time()) * 1000
}
