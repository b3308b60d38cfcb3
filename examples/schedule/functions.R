# A job that EventBridge runs every night. The handler is `functions.nightly`:
#
#   bootstrap local functions.nightly
#   curl -d '{"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-11-26T03:00:00Z", "detail": {}}' \
#       http://127.0.0.1:9000/2015-03-31/functions/function/invocations

# A schedule may run a job twice, and Lambda retries one that fails. So the day comes from the
# event, not from the clock: each run for a day does the same.
nightly <- function(event) {
  day <- as.Date(event$time)
  sales <- read_sales(day)
  log_metric("Sales", sum(sales$sold), unit = "Count")
  list(day = day, shops = nrow(sales), sold = sum(sales$sold))
}

# read_sales() stands for a query of a database.
read_sales <- function(day) {
  data.frame(shop = c("north", "south"), sold = c(10, 12) + as.integer(format(day, "%d")))
}
