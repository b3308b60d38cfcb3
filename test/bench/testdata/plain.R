# A function without packages. See crash.R for `kill`.
source("crash.R")

f <- function(kill = NULL) {
  crash(kill)
  "fine"
}
