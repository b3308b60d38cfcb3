# A function that opens a database, draws random numbers and keeps temporary files at init.
lambda_config(prime = list(what = "prime"))

set.seed(1)
started <- Sys.time()
first_dir <- tempdir()
kept <- tempfile()
writeLines("kept", kept)
con <- DBI::dbConnect(RSQLite::SQLite(), Sys.getenv("DATABASE"))
invisible(openssl::rand_bytes(1))
primed <- 0L

on_snapshot(function() cat("the database is closed:", !DBI::dbIsValid(con), "\n"))
on_snapshot(function() DBI::dbDisconnect(con))
on_snapshot(function() DBI::dbIsValid(con) || stop("closed before its time"))

on_restore(function() con <<- DBI::dbConnect(RSQLite::SQLite(), Sys.getenv("DATABASE")))
on_restore(function() cat("the database is open:", DBI::dbIsValid(con), "\n"))

# A function without a loop, which R compiles at its second call.
total <- function(n) sum(seq_len(n)) + 0

run <- function(what) {
  switch(what,
    prime = {
      primed <<- primed + 1L
      cat("priming in", basename(getwd()), "\n")
      total(10)
    },
    state = list(
      primed = primed,
      compiled = typeof(.Internal(bodyCode(total))) == "bytecode",
      open = DBI::dbIsValid(con),
      new_dir = tempdir() != first_dir && dir.exists(tempdir()),
      kept = readLines(kept),
      remaining = remaining_ms() > 0
    ),
    pid = Sys.getpid(),
    draws = c(format(runif(1), digits = 15), basename(tempfile()), basename(tempdir()), paste(openssl::rand_bytes(8), collapse = ""))
  )
}
