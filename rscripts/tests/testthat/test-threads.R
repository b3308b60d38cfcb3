local_edition(3)

test_that("set_threads() sets variables, and the number of threads of libraries that are loaded", {
  withr::local_envvar(OMP_NUM_THREADS = "1", MKL_NUM_THREADS = NA)
  set <- list()
  withr::defer(runtime$set_library_threads <- set_library_threads)
  set_library_threads <- runtime$set_library_threads
  runtime$set_library_threads <- function(setter, n, libraries) set[[setter[["symbol"]]]] <<- n
  runtime$set_threads(list(OMP_NUM_THREADS = "4,2", MKL_NUM_THREADS = "many"))
  expect_identical(Sys.getenv(c("OMP_NUM_THREADS", "MKL_NUM_THREADS"), names = FALSE), c("4,2", "many"))
  expect_identical(set, list(omp_set_num_threads_ = 4L))
})

test_that("set_threads() does nothing without numbers", {
  expect_silent(runtime$set_threads(NULL))
  expect_silent(runtime$set_threads(list()))
})

test_that("a library is asked for its function", {
  skip_if_not_installed("data.table")
  loadNamespace("data.table") # uses OpenMP
  withr::defer(data.table::setDTthreads(NULL))
  Sys.setenv(R_DATATABLE_NUM_PROCS_PERCENT = "100")
  withr::defer(Sys.unsetenv("R_DATATABLE_NUM_PROCS_PERCENT"))
  threads <- function(n) {
    runtime$set_threads(list(OMP_NUM_THREADS = n))
    data.table::getDTthreads()
  }
  withr::local_envvar(OMP_NUM_THREADS = "1")
  expect_identical(threads("1"), 1L)
  expect_identical(threads("2"), min(2L, parallel::detectCores()))
  libraries <- runtime$loaded_libraries("^libgomp")
  expect_length(libraries, 1L)
  expect_silent(runtime$set_library_threads(c(pattern = "^libgomp", symbol = "no_such_function_"), 1L, libraries))
})
