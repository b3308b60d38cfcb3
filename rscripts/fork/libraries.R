# Functions of C libraries that R has loaded, for which base R has no function.

# loaded_libraries() returns the paths of the shared libraries of this process.
loaded_libraries <- function() {
  maps <- readLines("/proc/self/maps", warn = FALSE)
  paths <- sub("^[^/]*", "", maps, useBytes = TRUE)
  unique(grep("[.]so[.0-9]*$", paths, value = TRUE, useBytes = TRUE))
}

# c_library is the pattern of the C library's file name, of glibc and of musl.
c_library <- "^(libc[.-]|ld-musl-)"

# library_with() returns the path of the first library whose file name matches `pattern` and that has
# the function `symbol`, or NULL.
library_with <- function(symbol, pattern, libraries = loaded_libraries()) {
  candidates <- libraries[grepl(pattern, basename(libraries))]
  Find(function(path) {
    tryCatch(with_symbol(path, symbol, function(address) TRUE), error = function(e) FALSE)
  }, candidates)
}

# with_symbol() returns use(address), where `address` is a function of a library that is loaded
# already, for .C(). R lists the library only meanwhile: its symbols must not come before those of
# libraries that user code has loaded.
with_symbol <- function(path, symbol, use) {
  dll <- dyn.load(path)
  on.exit(dyn.unload(path))
  use(getNativeSymbolInfo(symbol, dll)$address)
}

# c_string() returns text as C reads it.
c_string <- function(text) c(charToRaw(text), as.raw(0L))
