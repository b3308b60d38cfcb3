# A monthly report: load the sales, fit each shop, ask a person, and send it a day later.

report <- durable(function(month) {
  sales <- durable_step("load", read_sales(month), retry = backoff(attempts = 4, first = 5))
  fits <- durable_map(split(sales, sales$shop), function(shop) {
    durable_step("fit", trend(shop))
  }, name = "fits")
  growing <- sum(unlist(durable_results(fits)) > 0)

  answer <- durable_wait_for_callback("approval", function(id) {
    ask(month, growing, id)
  }, timeout = 3 * 86400)
  if (!isTRUE(answer$approved)) {
    return(list(month = month, sent = FALSE))
  }
  durable_wait(days = 1)
  durable_step("send", send(month, growing), at_most_once = TRUE)
  list(month = month, sent = TRUE, growing = growing)
})

# read_sales() stands for a query of a database.
read_sales <- function(month) {
  data.frame(
    shop = rep(c("north", "south", "west"), each = 4),
    week = rep(1:4, 3),
    sold = c(10, 12, 15, 19, 20, 18, 17, 13, 5, 5, 6, 8)
  )
}

# trend() returns by how much a shop sells more each week.
trend <- function(shop) unname(coef(lm(sold ~ week, shop))[["week"]])

# ask() and send() stand for mails.
ask <- function(month, growing, id) {
  message("May the report of ", month, " be sent? ", growing, " shops grow. Answer to ", id)
}

send <- function(month, growing) message("Report of ", month, ": ", growing, " shops grow")
