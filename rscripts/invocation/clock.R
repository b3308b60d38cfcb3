# The clock, in milliseconds since 1970.

# now_ms() returns the time. (Sys.time() is this .Internal and a class, in ten times the time.)
now_ms <- function() .Internal(Sys.time()) * 1000

# ms_until() returns how many milliseconds are left until the deadline, Inf if there is none.
ms_until <- function(deadline_ms) {
  if (is.null(deadline_ms)) Inf else deadline_ms - now_ms()
}
