local_edition(3)

# A misspelt name is found here, and not at 3 a.m. The runtime's environment sees only itself and
# base R.
test_that("every name that the runtime uses is the runtime's own, or base R's", {
  known <- c(ls(runtime, all.names = TRUE), ls(baseenv(), all.names = TRUE))
  for (name in ls(runtime, all.names = TRUE)) {
    value <- runtime[[name]]
    if (is.function(value)) {
      used <- codetools::findGlobals(value, merge = FALSE)
      unknown <- setdiff(c(used$functions, used$variables), known)
      expect_identical(unknown, character(), info = name)
    }
  }
})
