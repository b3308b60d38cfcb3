# The handler of the benchmarks.
bench <- durable(function(steps, n = 0) {
  sum <- n
  for (i in seq_len(steps)) sum <- sum + durable_step("add", i)
  durable_wait(hours = 1)
  sum
})
