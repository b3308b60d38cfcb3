# Tests that need more than the oldest R and the oldest packages say so.

# needs() skips a test if R or a package is older than named, as in needs(rlang = "1.0.0"). It
# skips only where `make test-r-versions` runs the tests, which sets R_VERSIONS: elsewhere
# everything is installed, so it stops.
needs <- function(...) {
  wanted <- c(...)
  for (name in names(wanted)) {
    found <- if (name == "R") getRversion() else tryCatch(packageVersion(name), error = function(e) "0")
    if (found < wanted[[name]]) {
      reason <- paste("needs", name, wanted[[name]])
      if (!nzchar(Sys.getenv("R_VERSIONS"))) {
        stop(reason, call. = FALSE)
      }
      skip(reason)
    }
  }
}

# testthat has these since version 3.1.
if (!"expect_no_match" %in% getNamespaceExports("testthat")) {
  expect_no_match <- function(object, regexp, ...) expect_false(any(grepl(regexp, object, ...)))
}
if (!"expect_no_error" %in% getNamespaceExports("testthat")) {
  expect_no_error <- function(object) expect_error(object, NA)
}
