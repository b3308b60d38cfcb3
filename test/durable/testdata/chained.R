# Durable handlers that invoke other functions of the folder.
report <- durable(function(n) {
  list(
    plain = durable_invoke("twice", list(n = n)),
    durable = durable_invoke("tomorrow:live", list(n = n)),
    other_file = durable_invoke("conformance.echo", list(event = n))
  )
})

twice <- function(n, context) list(value = 2 * n, arn = context$invoked_function_arn)

tomorrow <- durable(function(n) {
  durable_wait(days = 1)
  n + 1
})

# Each error is one for the handler to catch.
failures <- durable(function() {
  failure <- function(name) {
    tryCatch(durable_invoke(name, 1), durable_invoke_error = function(e) conditionMessage(e))
  }
  list(
    missing = failure("missing"), missing_file = failure("nowhere.run"), broken = failure("broken"),
    broken_durable = failure("broken_durable"), slow = failure("slow"), itself = failure("itself"),
    cycle = failure("ping")
  )
})

broken <- function(event) stop("the shop is closed")
broken_durable <- durable(function(event) durable_step("open", stop("still closed"), retry = NULL))
slow <- function(event) Sys.sleep(600)
itself <- durable(function(event) durable_invoke("itself", event + 1))
ping <- durable(function(event) durable_invoke("pong", event))
pong <- durable(function(event) durable_invoke("chained.ping", event))

waits <- durable(function() {
  tryCatch(durable_invoke("stopped", 1), durable_invoke_error = function(e) conditionMessage(e))
})
stopped <- durable(function(event) durable_wait(days = 1))
