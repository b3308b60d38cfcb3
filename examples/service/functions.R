# A service for Managed Instances: several invocations at once, each in an R of its own.
#
#   bootstrap local --http --concurrency 4 functions.price
#   curl 'http://127.0.0.1:9000/?spot=100&strike=105'

# The price of a call option, by simulation. Each R has random numbers of its own.
price <- function(spot, strike, years = "1", draws = "100000") {
  numbers <- vapply(list(spot, strike, years, draws), function(x) suppressWarnings(as.numeric(x)), 1)
  if (anyNA(numbers) || any(numbers <= 0) || numbers[[4L]] > 1e6) {
    stop_html("spot, strike, years and draws are positive numbers, draws at most 1000000", code = 400L)
  }
  rate <- 0.02
  volatility <- 0.2
  growth <- exp((rate - volatility^2 / 2) * numbers[[3L]] + volatility * sqrt(numbers[[3L]]) * rnorm(numbers[[4L]]))
  payoff <- pmax(numbers[[1L]] * growth - numbers[[2L]], 0) * exp(-rate * numbers[[3L]])
  list(price = mean(payoff), error = sd(payoff) / sqrt(length(payoff)), worker = Sys.getpid())
}
