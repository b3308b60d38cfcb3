# The number of threads of linear algebra libraries. The template has one of each: a thread does not
# survive a fork, and some libraries then wait for it. Its workers get the proper number.

# thread_setters are the functions that set it: of which libraries, and by which variable these read
# it when they are loaded. They are entry points for Fortran, which take pointers as .C() passes them.
thread_setters <- list(
  OMP_NUM_THREADS = c(pattern = "^lib(g|i)?omp5?[.]", symbol = "omp_set_num_threads_"),
  OPENBLAS_NUM_THREADS = c(pattern = "^lib(open)?blas", symbol = "openblas_set_num_threads_"),
  MKL_NUM_THREADS = c(pattern = "^libmkl_(rt|core)[.]", symbol = "mkl_set_num_threads_")
)

# set_threads() sets numbers of threads, named by their variables: in the environment for libraries
# that are loaded later, and in those that are loaded. data.table reads the variables again, because
# it has gone to one thread at the fork.
set_threads <- function(threads) {
  if (!length(threads)) {
    return(invisible())
  }
  do.call(Sys.setenv, threads)
  patterns <- vapply(thread_setters, `[[`, character(1), "pattern")
  libraries <- loaded_libraries(paste(patterns, collapse = "|"))
  for (name in intersect(names(thread_setters), names(threads))) {
    n <- suppressWarnings(as.integer(sub(",.*", "", threads[[name]]))) # "4,2": by level of nesting
    if (!is.na(n) && n > 0L) {
      set_library_threads(thread_setters[[name]], n, libraries)
    }
  }
  if (isNamespaceLoaded("data.table")) {
    getNamespace("data.table")$setDTthreads(NULL)
  }
  invisible()
}

# set_library_threads() calls a setter with `n` in each of these libraries that has it.
set_library_threads <- function(setter, n, libraries) {
  for (path in libraries[grepl(setter[["pattern"]], basename(libraries))]) {
    tryCatch(call_library(path, setter[["symbol"]], n), error = function(e) NULL) # it has no such function
  }
}
