# Handlers that talk.

# run() calls the function that an event names.
run <- function(what, ...) get(what, globalenv())(...)

prints_json <- function() {
  cat("{\"level\": \"WARN\", \"n\": 1.50}\n")
  cat("{\"to\": \"stderr\"}\n", file = stderr())
  log_metric("Rows", 3L, "Count", model = "gbm")
  cat("ERROR [2026-01-31 12:00:00] of a log package\n")
  lambda_log("info", "fields", rows = list(1, "x"), errorType = "forged", error_type = "forged")
  cat("\u202e\u009b31m end\n")
  invisible()
}

forks <- function() {
  result <- parallel::mclapply(1:2, function(i) {
    cat("unfinished")
    lambda_log("error", paste("child", i), i = i, long = strrep("x", 20000))
    lambda_log("debug", "not to be seen")
    warning("a warning of child ", i)
    i
  }, mc.cores = 2)
  length(result)
}

sinks <- function() {
  withr_like <- options(warn = 1)
  on.exit(options(withr_like))
  capture.output({
    message("captured")
    warning("captured, too")
  }, type = "message")
}

talks <- function(n) {
  for (i in seq_len(n)) message("message ", i)
  n
}

warns <- function(n) {
  for (i in seq_len(n)) warning("again")
  n
}

floods <- function(mb) {
  line <- strrep("x", 1023)
  for (i in seq_len(mb * 1024)) cat(line, "\n", sep = "")
  mb
}
