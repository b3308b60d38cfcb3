# Durable handlers, run by invoke_handler() with an execution in memory.

# execute() runs a durable handler and returns its execution, see execution_at_desk(). It drops the
# records of log_failure().
execute <- function(f, event = list(), ..., log_replays = FALSE, env = parent.frame()) {
  local_desk(env)
  withCallingHandlers(
    desk$invoke_handler(desk$durable(f, log_replays), event, as = "execution", ...),
    lambda_log = function(m) if (grepl(": attempt [0-9]+ failed", m$text)) invokeRestart("muffleMessage")
  )
}

# result() returns the result of a durable handler that succeeds.
result <- function(f, ..., env = parent.frame()) {
  got <- execute(f, ..., env = env)
  if (!is.null(got$error)) {
    stop(got$error)
  }
  got$result
}

# expect_refusal() expects that a durable handler fails with an error that contains each text, in
# its first invocation.
expect_refusal <- function(f, ..., env = parent.frame()) {
  got <- execute(f, env = env)
  expect_identical(c(got$status, got$invocations), c("FAILED", "1"))
  expect_s3_class(got$error, "durable_error")
  for (text in c(...)) {
    expect_match(conditionMessage(got$error), text, fixed = TRUE)
  }
}

# ran is the log of what handlers did.
ran <- new.env()
note <- function(what) ran$log <- c(ran$log, what)
noted <- function() {
  log <- ran$log
  ran$log <- NULL
  log
}
