# Waits: the handler is suspended, and Lambda bills nothing.

# durable_wait() waits: durable_wait(days = 1, hours = 12).
#
# days, hours, minutes, seconds: how long, together; from one second to 366 days. Their names are
#   needed.
# name: a name for the history.
#
# Returns NULL, invisibly.
durable_wait <- function(days = 0, hours = 0, minutes = 0, seconds = 0, name = NULL) {
  in_runtime({
    label <- operation_label("durable_wait", name)
    given <- as.list(sys.call())[-1L]
    if (length(given) && (is.null(names(given)) || !all(nzchar(names(given))))) {
      stop_durable(label, ": name the unit, as in durable_wait(seconds = 30)")
    }
    total <- wait_seconds(
      label, list(days = days, hours = hours, minutes = minutes, seconds = seconds)
    )
    operation <- begin_operation("durable_wait", "WAIT", "Wait", name)
    outcome <- send_operation(operation, "start", wait_seconds = total)
    if (!identical(outcome$status, "SUCCEEDED")) {
      suspend(current$durable)
    }
    invisible()
  })
}

# wait_seconds() returns how many seconds a wait lasts, whole ones.
wait_seconds <- function(label, parts) {
  units <- c(days = 86400, hours = 3600, minutes = 60, seconds = 1)
  for (unit in names(parts)) {
    part <- parts[[unit]]
    if (!is.numeric(part) || length(part) != 1L || !isTRUE(part >= 0)) {
      shown <- if (is.numeric(part) && length(part) == 1L) format(part) else class(part)[[1L]]
      stop_durable(label, ": ", unit, " must be a number that is not negative, not ", shown)
    }
  }
  total <- sum(vapply(names(parts), function(unit) parts[[unit]] * units[[unit]], numeric(1)))
  if (total < 1 || total > max_wait) {
    stop_durable(
      label, ": it lasts ", format(total, big.mark = ",", scientific = FALSE),
      " seconds, and Lambda waits from 1 second to 366 days: ",
      if (total < 1) "use Sys.sleep() in a step" else "an execution ends after that"
    )
  }
  ceiling(total)
}
