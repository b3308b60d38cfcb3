parity <- function(number) list(parity = if (number %% 2 == 0) "even" else "odd")
