local_edition(3)

test_that("R finds the package in all its ways", {
  in_user_dir()
  runtime$provide_packages("library(lambdaruntime)")
  runtime$provide_packages("library(lambdaruntime)") # once is enough
  exports <- c(names(runtime$user_functions()), "invoke_handler", "sample_event")
  expect_setequal(getNamespaceExports("lambdaruntime"), exports)
  expect_true(requireNamespace("lambdaruntime", quietly = TRUE))
  expect_identical(lambdaruntime::html_response, runtime$html_response)
  expect_false("package:lambdaruntime" %in% search())
  name <- "lambdaruntime"
  suppressPackageStartupMessages(library(name, character.only = TRUE))
  expect_true(require(lambdaruntime))
  expect_setequal(ls("package:lambdaruntime"), exports)
  expect_identical(as.character(packageVersion("lambdaruntime")), runtime$lambdaruntime_version)
  expect_match(capture.output(print(sessionInfo())), "lambdaruntime_", all = FALSE)
  expect_silent(loadNamespace("lambdaruntime"))
  expect_error(lambdaruntime::nothing, "nothing")
  expect_error(lambdaruntime::invoke_handler("f"), "test a handler outside of the runtime")
})

test_that("an installed package of another version does not replace the runtime's functions", {
  in_user_dir()
  library_path <- normalizePath(withr::local_tempdir())
  path <- file.path(library_path, "lambdaruntime")
  dir.create(file.path(path, "Meta"), recursive = TRUE)
  description <- c(Package = "lambdaruntime", Version = "99.0", Built = paste0("R ", getRversion(), "; ; ; unix"))
  write.dcf(as.list(description), file.path(path, "DESCRIPTION"))
  writeLines("export(html_response)", file.path(path, "NAMESPACE"))
  saveRDS(list(DESCRIPTION = description, Built = list(R = getRversion(), Platform = "", Date = "", OStype = "unix")), file.path(path, "Meta", "package.rds"))
  withr::with_libpaths(library_path, action = "prefix", {
    runtime$provide_packages("lambdaruntime::html_response()")
    library(lambdaruntime)
    expect_identical(get("html_response", "package:lambdaruntime"), runtime$html_response)
    expect_identical(lambdaruntime::stop_html, runtime$stop_html)
    expect_identical(as.character(packageVersion("lambdaruntime")), "99.0")
    expect_false(dir.exists(file.path(tempdir(), "lambda-r-library", "lambdaruntime")))
  })
})

test_that("a file that mentions it or sources others gets the package, and no other file", {
  for (lines in c("f <- 1 # library", "library(lambdr)")) {
    local_lambdr()
    source_code(lines)
    expect_false(isNamespaceLoaded("lambdaruntime"))
  }
  for (lines in c("g <- function() lambdaruntime::stop_html('x')", "source('other.R')")) {
    local({
      in_user_dir()
      writeLines("library(lambdaruntime)", "other.R")
      writeLines(lines, "functions.R")
      runtime$source_user("functions.R")
      expect_true(isNamespaceLoaded("lambdaruntime"))
    })
  }
})

test_that("a package's methods for the generics are found", {
  in_user_dir()
  runtime$provide_packages("lambdaruntime")
  withr::defer(rm("as_result.fit", envir = runtime$.__S3MethodsTable__.))
  registerS3method("as_result", "fit", function(value, ...) "mine", envir = asNamespace("lambdaruntime"))
  expect_identical(runtime$result_of(structure(list(), class = "fit")), "mine")
})

test_that("the version is that of the package", {
  expect_identical(runtime$lambdaruntime_version, unname(read.dcf("../../package/DESCRIPTION", "Version")[1L, 1L]))
})
