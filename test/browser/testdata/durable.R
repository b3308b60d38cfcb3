# A durable handler that waits for an answer and for a night.
approve <- durable(function(n = 1) {
  sum <- durable_step("<b>load</b>", n + 1)
  answer <- durable_wait_for_callback("approval", function(id) NULL)
  durable_wait(days = 1, name = "night")
  list(sum = sum, answer = answer)
})
