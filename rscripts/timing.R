# Timing: which packages make the loading of the handler slow.

timing <- new.env(parent = emptyenv())
timing$loads <- list()

# timed() is `expr`, and notes how long it took if it has loaded packages. They are
# named as far as `text`, its source code, names them: library(dplyr) loads a dozen others.
# (Only what stands on a file's top level is timed. To see library() itself, it would
# have to be replaced, and user code could tell.)
timed <- function(expr, text) {
  before <- loadedNamespaces()
  started <- now_ms()
  force(expr)
  loaded <- not_in(loadedNamespaces(), before)
  if (length(loaded)) {
    words <- unique(unlist(strsplit(text, "[^A-Za-z0-9.]+")))
    named <- words[words %in% loaded]
    if (!length(named)) { # source("model.R")
      named <- loaded[paste0("package:", loaded) %in% search()]
    }
    packages <- if (length(named)) named else sort(loaded)
    timing$loads[[length(timing$loads) + 1L]] <- list(
      package = clean_text(paste(packages, collapse = ", "), 200L),
      ms = now_ms() - started
    )
  }
  expr
}

# slowest_loads() returns at most five of what was noted, the slowest first.
slowest_loads <- function() {
  ms <- vapply(timing$loads, function(load) load$ms, 0)
  head_of(timing$loads[order(ms, decreasing = TRUE)], 5L)
}

now_ms <- function() as.numeric(Sys.time()) * 1000
