parity <- function(number) if (number %% 2 = 0) "even" else "odd"
