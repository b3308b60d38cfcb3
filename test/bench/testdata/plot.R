# A function that loads a package, fits a model, and draws a plot of it.
library(ggplot2)
cars <- transform(mtcars, cyl = factor(cyl))
cars$fitted <- fitted(lm(mpg ~ wt + cyl, cars))
lambda_config(prime = list(list(title = "first"), list(title = "second")))

plot_model <- function(title) {
  png_response(ggplot(cars, aes(wt, mpg, colour = cyl)) + geom_point() + geom_line(aes(y = fitted)) + labs(title = title))
}
