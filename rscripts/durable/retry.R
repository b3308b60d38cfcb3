# Retries: when a step that has failed is tried again.

# backoff() returns a retry strategy: a step that fails is tried again after pauses that grow. The
# function is not billed in the pauses.
#
# attempts: how often the step is tried at most; 1 tries it once.
# first: the first pause, in seconds.
# factor: by how much each pause is longer than the one before.
# most: the longest pause, in seconds.
# jitter: TRUE draws each pause at random, between one second and the whole pause.
# on: classes of errors. Other errors are final. By default all errors are tried again.
#
# Returns a function of the error and the number of the attempt that has failed: the pause in
# seconds, or NULL for no further attempt.
backoff <- function(attempts = 6, first = 5, factor = 2, most = 60, jitter = TRUE, on = NULL) {
  check_whole("backoff()", "attempts", attempts, 1)
  check_seconds_of("backoff()", "first", first, 1)
  check_seconds_of("backoff()", "most", most, 1)
  if (!is.numeric(factor) || length(factor) != 1L || !isTRUE(factor >= 1)) {
    stop_durable("backoff(): factor must be a number of at least 1")
  }
  if (!isTRUE(jitter) && !isFALSE(jitter)) {
    stop_durable("backoff(): jitter must be TRUE or FALSE")
  }
  if (!is.null(on) && (!is.character(on) || anyNA(on))) {
    stop_durable("backoff(): on must be classes of errors, as strings")
  }
  first <- as_seconds(first)
  most <- as_seconds(most)
  function(error, attempt) {
    if (attempt >= attempts || !is.null(on) && !inherits(error, on)) {
      return(NULL)
    }
    pause <- min(most, first * factor^(attempt - 1))
    max(1, round(if (jitter) random_below(pause) else pause))
  }
}

# random_below() returns a random number up to `most`. (runif() is in the package stats, which the
# runtime does not use.)
random_below <- function(most) most * sample.int(1000000L, 1L) / 1000000

# retry_pause() returns the seconds until the next attempt of a step, or NULL. `retry` is the
# user's.
retry_pause <- function(label, retry, cond, attempt) {
  final <- inherits(cond, c("durable_too_large", "durable_misuse"))
  if (is.null(retry) || isFALSE(retry) || final) {
    return(NULL)
  }
  pause <- call_user(as.call(list(retry, cond, attempt)), globalenv())
  if (is.null(pause) || isFALSE(pause) || length(pause) == 1L && is.na(pause)) {
    return(NULL)
  }
  pause <- as_seconds(pause)
  if (!is.numeric(pause) || length(pause) != 1L || !isTRUE(pause >= 0) || !is.finite(pause)) {
    stop_durable(label, ": retry must return a number of seconds, or NULL for no further attempt")
  }
  min(max(1, ceiling(pause)), max_wait)
}

check_retry <- function(label, retry) {
  if (!is.null(retry) && !isFALSE(retry) && !is.function(retry)) {
    stop_durable(
      label, ": retry must be backoff(...), a function of the error and the attempt, or NULL for ",
      "one attempt only"
    )
  }
}

# as_seconds() returns the seconds of a difftime, and any other value unchanged.
as_seconds <- function(x) if (inherits(x, "difftime")) as.numeric(x, units = "secs") else x

check_seconds_of <- function(label, name, x, least) {
  x <- as_seconds(x)
  if (!is.numeric(x) || length(x) != 1L || !isTRUE(x >= least) || x > max_wait) {
    stop_durable(
      label, ": ", name, " must be a number of seconds from ", least, " to ",
      format(max_wait, big.mark = ",", scientific = FALSE)
    )
  }
}

check_whole <- function(label, name, x, least) {
  if (!is.numeric(x) || length(x) != 1L || !isTRUE(x >= least) || x != trunc(x)) {
    stop_durable(label, ": ", name, " must be a whole number of at least ", least)
  }
}

# max_wait is the longest wait, in seconds: 366 days.
max_wait <- 31622400
