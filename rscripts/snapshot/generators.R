# Random generators of C libraries, whose state is in a snapshot as R's is. R can call a library's
# functions with .C(), if they take pointers or nothing.

# c_random holds the state of the C library's rand(), which lives in this vector from then on. It
# must never be removed.
c_random <- new.env(parent = emptyenv())

# renew_c_library() renews the state of the C library's rand(), with which R names temporary files,
# and of drand48(). srand() cannot be called with .C(), but setstate() takes a pointer to a state.
# .C() passes the vector that it returns, unless options(CBoundsCheck = TRUE) makes it pass a copy.
renew_c_library <- function() {
  or_warn(c_generator, with_library(c_library(), renew_rand))
}

c_generator <- "the generator of the C library, which names temporary files,"

# renew_rand() renews the generators with `call`, see with_library().
renew_rand <- function(call) {
  old <- options(CBoundsCheck = FALSE)
  on.exit(options(old))
  # A state of setstate(): its type, 4 for 63 words, and the words.
  state <- c(writeBin(4L, raw()), kernel_bytes(252L))
  c_random$state <- call("setstate", state)[[1L]]
  call("seed48", kernel_bytes(6L))
  call("rand")
  if (identical(c_random$state, state)) {
    stop("rand() does not use the state that setstate() has set")
  }
}

# c_library() returns the path of the C library, of glibc or musl. It stops if R has loaded none.
c_library <- function() loaded_libraries("^libc[.]so|^libc-[0-9]|^ld-musl-")[[1L]]

# renew_crypto() makes the generators of OpenSSL and GnuTLS draw from the kernel again, in each copy
# of these libraries that is loaded.
renew_crypto <- function() {
  for (path in loaded_libraries("^libcrypto[^/]*[.]so")) {
    or_warn(paste0("the generator of ", path, ", which makes keys and tokens,"), call_library(path, "RAND_poll"))
  }
  for (path in loaded_libraries("^libgnutls[^/]*[.]so")) {
    or_warn(paste0("the generator of ", path, ", which makes keys and tokens,"), call_library(path, "gnutls_rnd_refresh"))
  }
}

# or_warn() evaluates `expr`. If it fails, a warning in the log says that `what` was not renewed.
or_warn <- function(what, expr) {
  tryCatch(expr, error = function(e) {
    current$log("warn", paste0(what, " draws the same values in all copies of this environment: ", condition_text(e)))
  })
  invisible()
}

# loaded_libraries() returns the paths of the shared libraries in this process whose file name
# matches `pattern`.
loaded_libraries <- function(pattern) {
  mapped <- readLines("/proc/self/maps", warn = FALSE)
  paths <- unique(sub("^[^/]*", "", mapped[grepl("/", mapped, fixed = TRUE)]))
  paths[grepl(pattern, basename(paths))]
}

# call_library() calls a C function of a shared library that is loaded, and returns what .C() does.
call_library <- function(path, name, ...) with_library(path, function(call) call(name, ...))

# with_library() returns use(call), where call(name, ...) is call_library() for one library.
with_library <- function(path, use) {
  known <- listed_library(path)
  if (is.null(known)) {
    known <- dyn.load(path) # only makes its functions reachable
    on.exit(dyn.unload(path))
  }
  use(function(name, ...) .C(getNativeSymbolInfo(name, known), ...))
}

# listed_library() returns what R knows of a shared library, or NULL if R does not list it.
listed_library <- function(path) Find(function(dll) identical(dll[["path"]], path), getLoadedDLLs())
