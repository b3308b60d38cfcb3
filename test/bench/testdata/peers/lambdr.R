# The same functions, served by the lambdr package.
source("functions.R")
lambdr::start_lambda()
