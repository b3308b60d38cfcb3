# RabbitMQ: messages by queue.

# rabbitmq_records() returns the messages of all queues as one list, each with its `queue`.
rabbitmq_records <- function(queues) {
  if (!is.list(queues)) {
    return(queues)
  }
  simplified <- Find(is.data.frame, queues)
  if (!is.null(simplified)) {
    return(simplified)
  }
  records <- lapply(names(queues), function(queue) {
    lapply(queues[[queue]], function(record) if (is.list(record)) c(record, queue = queue) else record)
  })
  as.list(unlist(records, recursive = FALSE))
}
