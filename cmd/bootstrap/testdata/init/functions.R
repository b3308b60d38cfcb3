functions_are_here <- function() 1
