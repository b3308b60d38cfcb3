# The handler `functions.parity`: is a number even or odd?
parity <- function(number) list(parity = if (as.integer(number) %% 2 == 0) "even" else "odd")
