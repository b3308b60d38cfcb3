deviation <- function(values) max(values) - min(values)
