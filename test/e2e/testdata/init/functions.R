functions_are_here <- function() 1
takes_too_much <- function(event, n, m = 1) n
