local_edition(3)

# A misspelt name is found here, and not at 3 a.m. The runtime's environment sees only itself and
# base R.
test_that("every name that the runtime or the package uses is its own, or base R's", {
  for (env in list(runtime, desk)) {
    known <- c(ls(env, all.names = TRUE), ls(baseenv(), all.names = TRUE))
    for (name in setdiff(ls(env, all.names = TRUE), "sample_folder")) { # which helper-user-desk.R replaces
      values <- if (identical(name, "sample_fields")) env[[name]] else list(env[[name]])
      for (value in Filter(is.function, values)) {
        used <- codetools::findGlobals(value, merge = FALSE)
        unknown <- setdiff(c(used$functions, used$variables), known)
        expect_identical(unknown, character(), info = name)
      }
    }
  }
})

test_that("the package exports the functions of a worker, and two for tests", {
  expect_setequal(package_exports, c(names(runtime$user_functions()), "invoke_handler", "sample_event"))
  lines <- readLines("../../package/NAMESPACE")
  methods <- regmatches(lines, regexec("^S3method\\((.*), (.*)\\)$", lines))
  methods <- vapply(Filter(length, methods), function(parts) paste0(parts[[2L]], ".", parts[[3L]]), "")
  expect_setequal(methods, ls(runtime, pattern = "^as_(response|result)[.]"))
})

test_that("the package has no .Internal and needs no file of Linux", {
  lines <- unlist(lapply(package_files, readLines))
  expect_identical(grep("[.]Internal|/proc/|/dev/", lines, value = TRUE), character())
})
