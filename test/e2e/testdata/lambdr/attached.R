library(lambdr)
source("statistics.R")

spread <- function(values, context) {
  list(spread = deviation(values), id = context$aws_request_id, log = context$log_group_name)
}

if (!interactive()) {
  start_lambda()
}

stop("nothing behind start_lambda() is evaluated")
