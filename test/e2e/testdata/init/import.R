x <- 1

library(notthere)
f <- function() 1
