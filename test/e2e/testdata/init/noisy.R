warning("a warning at init")
print("printed at init")
f <- function() 1
