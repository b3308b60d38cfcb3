# A function whose init takes two seconds: it loads packages and data, and fits a model.
source("crash.R")
suppressPackageStartupMessages({
  library(dplyr)
  library(tidyr)
  library(purrr)
  library(stringr)
  library(lubridate)
  library(ggplot2)
  library(mgcv)
})

sales <- local({
  n <- 4e5
  day <- as.Date("2020-01-01") + sample(1500, n, TRUE)
  price <- runif(n, 1, 10)
  sold <- rpois(n, exp(2 - 0.2 * price + sin(yday(day) / 58)))
  tibble(day, store = sample(letters, n, TRUE), price, sold)
})
model <- gam(
  sold ~ s(price) + s(yday, bs = "cc"),
  family = poisson, data = mutate(head(sales, 3000), yday = yday(day))
)

f <- function(kill = NULL) {
  crash(kill)
  month <- sales |>
    filter(store == "m", year(day) == 2021) |>
    group_by(month = month(day)) |>
    summarise(price = mean(price), sold = sum(sold), yday = mean(yday(day)))
  forecast <- predict(model, month, type = "response")
  if (nrow(month) == 12 && all(forecast > 0)) "fine" else "wrong"
}
