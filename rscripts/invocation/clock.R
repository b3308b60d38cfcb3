# The clock, in milliseconds since 1970.

now_ms <- function() unclass(Sys.time()) * 1000

# ms_until() returns how many milliseconds are left until the deadline, Inf if there is none.
ms_until <- function(deadline_ms) {
  if (is.null(deadline_ms)) Inf else deadline_ms - now_ms()
}
