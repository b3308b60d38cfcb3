local_edition(3)

test_that("set_threads() sets variables, and the number of threads of libraries that are loaded", {
  withr::local_envvar(OMP_NUM_THREADS = "1", MKL_NUM_THREADS = NA)
  set <- list()
  runtime$.C <- function(setter, n) set[[setter]] <<- n
  withr::defer(rm(".C", envir = runtime))
  setters <- list(OMP_NUM_THREADS = list("gomp", "iomp5"), OPENBLAS_NUM_THREADS = list("openblas"), MKL_NUM_THREADS = list("mkl"))
  runtime$set_threads(list(OMP_NUM_THREADS = "4,2", MKL_NUM_THREADS = "many"), setters)
  expect_identical(Sys.getenv(c("OMP_NUM_THREADS", "MKL_NUM_THREADS"), names = FALSE), c("4,2", "many"))
  expect_identical(set, list(gomp = 4L, iomp5 = 4L))
})

test_that("set_threads() does nothing without numbers", {
  expect_silent(runtime$set_threads(NULL, list()))
  expect_silent(runtime$set_threads(list(), list()))
})

test_that("libraries that have the function set their threads", {
  loadNamespace("data.table") # uses OpenMP
  withr::defer(data.table::setDTthreads(NULL))
  withr::defer(runtime$release_libraries())
  Sys.setenv(R_DATATABLE_NUM_PROCS_PERCENT = "100")
  withr::defer(Sys.unsetenv("R_DATATABLE_NUM_PROCS_PERCENT"))
  threads <- function(n) {
    runtime$set_threads(list(OMP_NUM_THREADS = n), runtime$keep_thread_setters())
    data.table::getDTthreads()
  }
  withr::local_envvar(OMP_NUM_THREADS = "1")
  expect_identical(threads("1"), 1L)
  expect_identical(threads("2"), min(2L, parallel::detectCores()))
  expect_length(runtime$keep_thread_setters()$OMP_NUM_THREADS, 1L)
  known <- runtime$thread_setters
  withr::defer(runtime$thread_setters <- known)
  runtime$thread_setters <- list(OMP_NUM_THREADS = c(pattern = "^libgomp", symbol = "no_such_function_"))
  expect_identical(runtime$keep_thread_setters(), list(OMP_NUM_THREADS = list()))
})
