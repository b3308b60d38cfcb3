f <- function() 1
inner <- function() stop("no model file")
inner()
