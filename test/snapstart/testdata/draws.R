# draw() draws from each source of random values that a snapshot could repeat. Each of them is used
# before the snapshot, so its state is in it.
library(openssl)
if (nzchar(Sys.getenv("RNG"))) {
  RNGkind(Sys.getenv("RNG"))
}

draw <- function() {
  drawn <- list(
    runif = runif(1),
    rnorm = rnorm(1),
    sample = sample.int(.Machine$integer.max, 1L),
    tempfile = basename(tempfile()),
    tempdir = tempdir(),
    rand_bytes = paste(rand_bytes(16L), collapse = ""),
    uuid = uuid::UUIDgenerate(use.time = FALSE),
    uuid_of_time = uuid::UUIDgenerate(use.time = TRUE),
    forked = parallel::mclapply(1L, function(i) runif(1))[[1L]]
  )
  if (RNGkind()[1L] == "L'Ecuyer-CMRG") {
    drawn$stream <- paste(parallel::nextRNGStream(.Random.seed), collapse = " ")
  }
  drawn
}

draw()
on_snapshot(function() draw())
in_hook <- NULL
on_restore(function() in_hook <<- runif(1))
lambda_config(prime = list(primed = TRUE))

f <- function(event) c(draw(), in_hook = in_hook)
