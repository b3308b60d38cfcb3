# Orders: an HTTP API that prices one, and a queue that books them. Their tests are in
# tests/testthat; docs/package.md explains them.
#
#   bootstrap local --http functions.price
#   curl 'http://127.0.0.1:9000/price?item=tea&count=2'

library(lambdaruntime)

prices <- c(tea = 3.2, cup = 8)

# price() answers GET /price?item=tea&count=2.
price <- function(item, count = 1) {
  if (!item %in% names(prices)) {
    stop_html("no such item: ", item, code = 404L)
  }
  list(item = item, total = prices[[item]] * as.numeric(count))
}

# book() books the orders of a queue, such as {"item": "tea", "count": 2}.
book <- batch_handler(function(record) {
  order <- record$data
  total <- price(order$item, order$count)$total
  lambda_log("info", "booked", item = order$item, total = total)
})
