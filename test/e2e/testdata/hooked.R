# The handlers of faults.R in a function with a shutdown hook.
source("faults.R")
on_shutdown(function() NULL)
