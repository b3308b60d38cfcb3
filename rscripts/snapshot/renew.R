# Renewal: copies of one R, made by a restore or a fork, must not draw the same random values.

# renew() renews everything that copies of this R share: tempdir() and the names of temporary files,
# the generators of C libraries, and R's random seed.
renew <- function() {
  renew_temp_dir()
  renew_c_library()
  renew_crypto()
  renew_seed()
}

# kernel_bytes() returns `n` random bytes from the kernel, whose generator no snapshot contains.
kernel_bytes <- function(n) {
  con <- file("/dev/urandom", "rb", raw = TRUE)
  on.exit(close(con))
  readBin(con, "raw", n)
}

# kernel_seed() returns a random integer to seed a generator with.
kernel_seed <- function() {
  seed <- readBin(kernel_bytes(4L), "integer")
  if (is.na(seed)) 0L else seed
}

# renew_seed() seeds R's generator, whichever it is, and those that take their seed from it. The
# seed that lambda_config(keep_seed = TRUE) asked to keep stays.
renew_seed <- function() {
  if (isTRUE(settings$keep_seed) && !is.null(seed_state())) {
    return(invisible())
  }
  set.seed(kernel_seed())
  renew_package_seeds()
}

# renew_package_seeds() renews the seeds that loaded packages keep for themselves: the streams of
# parallel, the generator of dqrng, and the seed with which shiny and htmlwidgets name things.
renew_package_seeds <- function() {
  if (isNamespaceLoaded("parallel")) {
    streams <- get0("RNGenv", asNamespace("parallel"), inherits = FALSE)
    if (is.environment(streams)) {
      rm(list = intersect("LEcuyer.seed", names(streams)), envir = streams)
    }
    parallel::mc.reset.stream() # has an effect on streams of L'Ecuyer only
  }
  if (isNamespaceLoaded("dqrng")) {
    or_warn("the generator of dqrng", getExportedValue("dqrng", "dqset.seed")(c(kernel_seed(), kernel_seed())))
  }
  for (package in intersect(c("shiny", "htmlwidgets"), loadedNamespaces())) {
    own <- get0(".globals", asNamespace(package), inherits = FALSE)
    if (is.environment(own)) {
      own$ownSeed <- new_seed_state()
    }
  }
}

# new_seed_state() returns a .Random.seed of its own for the present kind of generator.
new_seed_state <- function() {
  seed <- seed_state()
  on.exit(set_seed_state(seed))
  set.seed(kernel_seed())
  seed_state()
}

# renew_temp_dir() makes R create another tempdir(). The old one stays, because user code may have
# paths of files in it. R creates one only if the old one is gone, so that is moved for a moment.
renew_temp_dir <- function() {
  old <- tempdir()
  aside <- paste0(old, "-aside")
  # Without a directory, R crashes at the next tempdir(). So another one must be possible there.
  if (!is_writable(dirname(old)) || dir.exists(old) && !suppressWarnings(file.rename(old, aside))) {
    current$log("warn", paste0("tempdir() is the same in all copies of this environment, because it cannot be moved: ", old))
    return(invisible())
  }
  on.exit(if (dir.exists(aside)) file.rename(aside, old))
  tempdir(check = TRUE)
  invisible()
}

# is_writable() returns whether a directory can be created in `dir`.
is_writable <- function(dir) {
  path <- tempfile(tmpdir = dir)
  on.exit(unlink(path, recursive = TRUE))
  dir.create(path, showWarnings = FALSE)
}

# next_draws() returns what R would draw next: a random number, the name of a temporary file, its
# directory, and random bytes of OpenSSL. It draws the number without using it up.
next_draws <- function() {
  if (is.null(seed_state())) {
    set.seed(kernel_seed())
  }
  seed <- seed_state()
  number <- stats::runif(1L)
  set_seed_state(seed)
  draws <- list(runif = sprintf("%.17g", number), tempfile = basename(tempfile()), tempdir = tempdir())
  if (isNamespaceLoaded("openssl")) {
    draws$rand_bytes <- paste(format(getExportedValue("openssl", "rand_bytes")(8L)), collapse = "")
  }
  draws
}
