# The handler `functions.process`: orders from a queue, each a message like
# {"id": "A1", "amount": 19.9}. What is no order is sent again, and in the end to the
# queue's dead-letter queue; the others of its batch are done.
process <- batch_handler(function(record) {
  order <- record$data
  if (!is.list(order) || !is.numeric(order$amount)) {
    stop("this is no order")
  }
  if (order$amount < 0) {
    stop("order ", order$id, " has a negative amount")
  }
  cat("order", order$id, "of", order$amount, "is taken\n")
})
