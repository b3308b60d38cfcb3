# A function that returns the credentials that R had in each phase.
keys <- function() {
  Sys.getenv(c("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), names = FALSE)
}
seen <- list(init = keys())
lambda_config(prime = function() seen$prime <<- keys())
on_snapshot(function() seen$snapshot <<- keys())
on_restore(function() seen$restore <<- keys())

f <- function(fault = "") {
  switch(fault,
    kill = tools::pskill(Sys.getpid(), tools::SIGKILL),
    segfault = tools::pskill(Sys.getpid(), 11L),
    stop = stop("no such table")
  )
  c(seen, list(now = keys(), pid = Sys.getpid()))
}
