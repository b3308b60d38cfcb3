# Log records of durable executions.

# log_of_execution() returns a function like `log`, see log_to(), that drops what is logged in a
# replay, and adds the execution, the step and its attempt to the other records.
log_of_execution <- function(log) {
  force(log)
  function(level, message, call = NULL, fields = list(), load = NULL, line = NULL) {
    execution <- current$durable
    if (is.null(execution)) {
      return(log(level, message, call, fields, load, line))
    }
    if (replays(execution) && !execution$log_replays) {
      return(invisible())
    }
    step <- execution$step
    fields <- c(
      fields, executionArn = execution$arn,
      operationId = step$id, operationName = step$name, attempt = step$attempt
    )
    log(level, message, call, as.list(fields), load, line)
  }
}
