globalCallingHandlers(error = function(e) stop("the handler fails"))
stop("first")
f <- function() 1
