# The number of threads of linear algebra libraries. The template has one of each: a thread does not
# survive a fork, and some libraries then wait for it. Its workers get the proper number.

# thread_setters are the functions that set it: of which libraries, and by which variable these read
# it when they are loaded. They are entry points for Fortran, which take pointers as .C() passes them.
thread_setters <- list(
  OMP_NUM_THREADS = c(pattern = "^lib(g|i)?omp5?[.]", symbol = "omp_set_num_threads_"),
  OPENBLAS_NUM_THREADS = c(pattern = "^lib(open)?blas", symbol = "openblas_set_num_threads_"),
  MKL_NUM_THREADS = c(pattern = "^libmkl_(rt|core)[.]", symbol = "mkl_set_num_threads_")
)

# threaded_libraries() returns the paths of the libraries that this process has loaded, by variable.
threaded_libraries <- function(libraries) {
  Filter(Negate(is.null), lapply(thread_setters, function(setter) {
    library_with(setter[["symbol"]], setter[["pattern"]], libraries)
  }))
}

# set_threads() sets numbers of threads, named by their variables: in the environment for libraries
# that are loaded later, and in those that are loaded. data.table reads the variables again, because
# it has gone to one thread at the fork.
set_threads <- function(threads) {
  if (!length(threads)) {
    return(invisible())
  }
  do.call(Sys.setenv, threads)
  for (name in intersect(names(forking$threaded), names(threads))) {
    n <- suppressWarnings(as.integer(sub(",.*", "", threads[[name]]))) # "4,2": by level of nesting
    if (!is.na(n) && n > 0L) {
      with_symbol(forking$threaded[[name]], thread_setters[[name]][["symbol"]], function(set) .C(set, n))
    }
  }
  if (isNamespaceLoaded("data.table")) {
    getNamespace("data.table")$setDTthreads(NULL)
  }
  invisible()
}
