# The handler `functions.process`: orders from a queue, each a message like
# {"id": "A1", "amount": 19.9}. A record that is not an order is sent again, and finally goes
# to the queue's dead-letter queue. The other records of its batch are done.
process <- batch_handler(function(record) {
  order <- record$data
  if (!is.list(order) || !is.numeric(order$amount)) {
    stop("this is not an order")
  }
  if (order$amount < 0) {
    stop("order ", order$id, " has a negative amount")
  }
  cat("order", order$id, "of", order$amount, "is taken\n")
})
