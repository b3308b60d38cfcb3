local_edition(3)

# In an R of its own: each test replaces the state of the C library's generator permanently.
in_renewed_r <- function(...) {
  trimws(in_new_r("runtime$current$log <- function(level, text, ...) cat(level, text, '\\n')", ...))
}

test_that("two copies of one R name temporary files differently", {
  # Both copies begin with this state of rand(), as those of a snapshot do.
  copy <- function(renew) {
    in_renewed_r(
      "libc <- runtime$c_library()",
      "copied <- runtime$call_library(libc, 'setstate', c(writeBin(4L, raw()), as.raw(1:252)))[[1]]",
      "copied48 <- runtime$call_library(libc, 'seed48', as.raw(1:6))",
      if (renew) "runtime$renew_c_library()",
      # Without the process id, by which two processes differ, but not two copies of one.
      "cat(sub(sprintf('%x', Sys.getpid()), '', basename(tempfile())), '\\n')"
    )
  }
  expect_identical(copy(FALSE), copy(FALSE))
  drawn <- c(copy(FALSE), copy(TRUE), copy(TRUE))
  expect_match(drawn, "^file[0-9a-f]+$")
  expect_length(unique(drawn), 3L)
})

test_that("the state of rand() survives the garbage collector and a second renewal", {
  printed <- in_renewed_r(
    "names <- character()",
    "for (i in 1:20) {",
    "  runtime$renew_c_library()",
    "  junk <- lapply(1:2000, function(i) as.raw(rep(0, 256))); rm(junk); gc()",
    "  names <- c(names, tempfile(rep('a', 50)))",
    "}",
    "cat(length(names), anyDuplicated(names), '\\n')"
  )
  expect_identical(printed, "1000 0")
})

test_that("options(CBoundsCheck = TRUE), with which .C() passes copies, stays as it is", {
  printed <- in_renewed_r("options(CBoundsCheck = TRUE)", "runtime$renew_c_library()", "cat(getOption('CBoundsCheck'))")
  expect_identical(printed, "TRUE")
})

test_that("OpenSSL and GnuTLS are renewed where they are loaded", {
  printed <- in_renewed_r(
    "called <- character()",
    "own <- runtime$call_library",
    "runtime$call_library <- function(path, name, ...) { called <<- c(called, name); own(path, name, ...) }",
    "loadNamespace('openssl') -> ns",
    "before <- names(getLoadedDLLs())",
    "runtime$renew_crypto()",
    "cat('RAND_poll' %in% called, identical(names(getLoadedDLLs()), before), '\\n')"
  )
  expect_identical(printed, "TRUE TRUE")
})

# OpenSSL notices a fork by its process id. So two children that share the id of their parent, as
# a restore makes them, cannot be had here: they are in test/e2e, where the snapshot is a real one.
test_that("a generator that cannot be renewed is a warning", {
  expect_match(
    in_renewed_r(
      "runtime$loaded_libraries <- function(pattern) if (grepl('crypto', pattern)) '/usr/lib/libcrypto.so.0' else character()",
      "runtime$renew_crypto()"
    ),
    "^warn the generator of /usr/lib/libcrypto.so.0, which makes keys and tokens, draws the same values in all copies",
    all = FALSE
  )
  expect_match(
    in_renewed_r("runtime$loaded_libraries <- function(pattern) character()", "runtime$renew_c_library()"),
    "^warn the generator of the C library, which names temporary files, draws the same values",
    all = FALSE
  )
})

test_that("a library that user code has loaded stays loaded", {
  printed <- in_renewed_r(
    "libc <- runtime$c_library()",
    "dyn.load(libc)",
    "runtime$renew_c_library()",
    "cat(is.loaded('setstate'), '\\n')"
  )
  expect_identical(printed, "TRUE")
})
