local_edition(3)

test_that("the seed of every kind of generator is renewed, and its kinds are kept", {
  keep_settings()
  withr::local_preserve_seed()
  kinds <- c(
    "Wichmann-Hill", "Marsaglia-Multicarry", "Super-Duper", "Mersenne-Twister", "Knuth-TAOCP", "Knuth-TAOCP-2002",
    "L'Ecuyer-CMRG"
  )
  old <- RNGkind()
  withr::defer(RNGkind(old[[1L]], old[[2L]], old[[3L]]))
  for (kind in kinds) {
    # Box-Muller draws two numbers and keeps the second one outside of .Random.seed.
    for (normal in c("Inversion", "Box-Muller")) {
      draw <- function() {
        suppressWarnings(set.seed(1, kind, normal, "Rounding"))
        rnorm(1)
        runtime$renew_seed()
        rnorm(2)
      }
      first <- draw()
      second <- draw()
      expect_length(intersect(first, second), 0L)
      expect_identical(RNGkind(), c(kind, normal, "Rounding"))
    }
  }
})

test_that("a missing seed is made from the kernel's bytes, not from time and pid", {
  keep_settings()
  withr::local_preserve_seed()
  runtime$set_seed_state(NULL)
  runtime$renew_seed()
  expect_false(is.null(runtime$seed_state()))
})

test_that("keep_seed = TRUE keeps the seed", {
  keep_settings()
  withr::local_preserve_seed()
  runtime$lambda_config(keep_seed = TRUE)
  set.seed(1)
  before <- .Random.seed
  runtime$renew_seed()
  expect_identical(.Random.seed, before)
})

test_that("the streams of parallel are renewed", {
  keep_settings()
  withr::local_preserve_seed()
  old <- RNGkind("L'Ecuyer-CMRG")
  withr::defer(RNGkind(old[[1L]]))
  draw <- function() {
    set.seed(1)
    parallel::mc.reset.stream()
    runtime$renew_seed()
    job <- parallel::mcparallel(runif(1))
    parallel::mccollect(job)[[1L]]
  }
  expect_false(draw() == draw())
  streams <- getNamespace("parallel")$RNGenv
  set.seed(1)
  parallel::mc.reset.stream()
  RNGkind("Mersenne-Twister")
  runtime$renew_seed()
  expect_false(exists("LEcuyer.seed", streams, inherits = FALSE))
})

test_that("the private seed of shiny and htmlwidgets is renewed", {
  keep_settings()
  withr::local_preserve_seed()
  own <- runtime$loadedNamespaces
  globals <- new.env()
  runtime$loadedNamespaces <- function() "htmlwidgets"
  runtime$asNamespace <- function(name) list2env(list(.globals = globals))
  withr::defer(rm("loadedNamespaces", "asNamespace", envir = runtime))
  set.seed(1)
  globals$ownSeed <- .Random.seed
  runtime$renew_package_seeds()
  expect_false(identical(globals$ownSeed, .Random.seed))
  expect_identical(globals$ownSeed[[1L]], .Random.seed[[1L]])
  set.seed(1)
  expect_identical(runif(1), { set.seed(1); runif(1) })
})

test_that("dqrng's generator is renewed", {
  keep_settings()
  withr::local_preserve_seed()
  draw <- function() {
    dqrng::dqset.seed(1)
    runtime$renew_seed()
    dqrng::dqrunif(1)
  }
  expect_false(draw() == draw())
})

test_that("tempdir() is new, and files in the old one stay", {
  printed <- in_new_r(
    "runtime$current$log <- function(...) cat('logged:', ..., '\\n')",
    "old <- tempdir(); path <- tempfile(); writeLines('kept', path)",
    "marker <- Sys.getenv('TMPDIR')",
    "runtime$renew_temp_dir()",
    "new <- tempdir()",
    "cat(new != old, dirname(new) == dirname(old), dir.exists(new), readLines(path), Sys.getenv('TMPDIR') == marker, '\\n')",
    "writeLines('new', tempfile()); cat(length(dir(new)), list.files(dirname(old), 'aside'), '\\n')",
    # A second renewal, and one of a directory that is gone.
    "runtime$renew_temp_dir(); cat(tempdir() != new, dir.exists(new), '\\n')",
    "gone <- tempdir(); unlink(gone, recursive = TRUE); runtime$renew_temp_dir(); cat(tempdir() != gone, dir.exists(tempdir()), '\\n')",
    "unlink(c(old, new), recursive = TRUE)"
  )
  expect_identical(trimws(printed), c("TRUE TRUE TRUE kept TRUE", "1", "TRUE TRUE", "TRUE TRUE"))
})

test_that("a tempdir() that cannot be moved stays, with a warning", {
  printed <- in_new_r(
    "runtime$current$log <- function(level, text, ...) cat(level, text, '\\n')",
    "runtime$is_writable <- function(dir) FALSE",
    "old <- tempdir(); runtime$renew_temp_dir(); cat(identical(tempdir(), old), dir.exists(old), '\\n')"
  )
  expect_match(printed[[1L]], "^warn tempdir\\(\\) is the same in all copies of this environment, because it cannot be moved: /")
  expect_identical(trimws(printed[[2L]]), "TRUE TRUE")
})

test_that("next_draws() returns what will be drawn", {
  withr::local_preserve_seed()
  draws <- runtime$next_draws()
  expect_identical(as.numeric(draws$runif), runif(1))
  expect_match(draws$tempfile, "^file[0-9a-f]+$")
  expect_identical(draws$tempdir, tempdir())
  runtime$set_seed_state(NULL)
  expect_identical(as.numeric(runtime$next_draws()$runif), runif(1))
  loadNamespace("openssl")
  expect_match(runtime$next_draws()$rand_bytes, "^[0-9a-f]{16}$")
})
