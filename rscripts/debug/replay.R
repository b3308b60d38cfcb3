# The events that bootstrap local has recorded, see cmd/bootstrap/recorder.go.

# replay() runs an event of bootstrap local again, as invoke() does.
#
# which: a number, 1 for the last event, 2 for the one before; or the beginning of a request id.
replay <- function(which = 1L) {
  records <- read_recorded()
  i <- if (is.numeric(which) && length(which) == 1L && which %in% seq_along(records)) {
    which
  } else if (is_string(which) && nzchar(which)) {
    Position(function(record) startsWith(record$id, which), records)
  }
  if (is.null(i) || is.na(i)) {
    stop("replay(): ", length(records), " events are recorded, and none is ", deparse(which)[[1L]], ": see recorded_events()", call. = FALSE)
  }
  session$event <- list(text = records[[i]]$event)
  run_event(records[[i]]$event)
}

# recorded_events() returns a data frame of the events that replay() can run, the last one first.
recorded_events <- function() {
  records <- read_recorded()
  column <- function(name) vapply(records, function(record) as.character(record[[name]]), character(1))
  data.frame(
    time = sub("\\.[0-9]+Z$", "Z", column("time")), # whole seconds
    handler = column("handler"),
    failed = as.logical(column("failed")),
    event = substr(column("event"), 1L, 60L),
    id = column("id")
  )
}

# read_recorded() returns the records, the last one first. A line that was cut short is left out.
read_recorded <- function() {
  if (!file.exists(session$recorded)) {
    stop(
      "no events are recorded: serve the function with bootstrap local in this folder, on a loopback address ",
      "and without --record=false, and invoke it",
      call. = FALSE
    )
  }
  lines <- readLines(session$recorded, warn = FALSE, encoding = "UTF-8")
  records <- lapply(lines, function(line) tryCatch(jsonlite::parse_json(line), error = function(e) NULL))
  rev(Filter(Negate(is.null), records))
}
