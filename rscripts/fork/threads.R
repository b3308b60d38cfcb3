# The number of threads of linear algebra libraries. The template has one of each: a thread does not
# survive a fork, and some libraries then wait for it. Its workers get the proper number.

# thread_setters are the functions that set it: of which libraries, and by which variable these read
# it when they are loaded. They are entry points for Fortran, which take pointers as .C() passes them.
thread_setters <- list(
  OMP_NUM_THREADS = c(pattern = "^lib(g|i)?omp5?[.]", symbol = "omp_set_num_threads_"),
  OPENBLAS_NUM_THREADS = c(pattern = "^lib(open)?blas", symbol = "openblas_set_num_threads_"),
  MKL_NUM_THREADS = c(pattern = "^libmkl_(rt|core)[.]", symbol = "mkl_set_num_threads_")
)

# keep_thread_setters() looks up these functions in the libraries that are loaded, as keep_library()
# does. It returns a list for each variable.
keep_thread_setters <- function() {
  patterns <- vapply(thread_setters, `[[`, character(1), "pattern")
  libraries <- loaded_libraries(paste(patterns, collapse = "|"))
  lapply(thread_setters, function(setter) {
    found <- lapply(libraries[grepl(setter[["pattern"]], basename(libraries))], function(path) {
      tryCatch(getNativeSymbolInfo(setter[["symbol"]], keep_library(path)), error = function(e) NULL) # it has none
    })
    Filter(Negate(is.null), found)
  })
}

# set_threads() sets numbers of threads, named by their variables: in the environment for libraries
# that are loaded later, and with `setters` in those that are loaded. data.table reads the variables
# again, because it has gone to one thread at the fork.
set_threads <- function(threads, setters) {
  if (!length(threads)) {
    return(invisible())
  }
  do.call(Sys.setenv, threads)
  for (name in intersect(names(setters), names(threads))) {
    n <- suppressWarnings(as.integer(sub(",.*", "", threads[[name]]))) # "4,2": by level of nesting
    if (!is.na(n) && n > 0L) {
      for (setter in setters[[name]]) {
        .C(setter, n)
      }
    }
  }
  if (isNamespaceLoaded("data.table")) {
    suppressWarnings(getNamespace("data.table")$setDTthreads(NULL)) # it warned of "4,2" when it was loaded
  }
  invisible()
}
