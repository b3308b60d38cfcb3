# Functions that cannot be restored: the hook fails, or the copies draw the same numbers.
fails <- repeats <- function() runif(1)

switch(Sys.getenv("MODE"),
  fails = on_restore(function() stop("no network")),
  repeats = {
    lambda_config(keep_seed = TRUE)
    set.seed(1)
  }
)
