# Timing: the calls that make the loading of a handler slow.

# new_loading() returns the record of one loading of a handler, an environment:
#   time_calls  whether bootstrap asked for the time of each call, see with_timed_calls()
#   loads       the statements that loaded packages, lists of `package` and `ms`
#   where       the statement of the handler's file that runs, as file:line
new_loading <- function(time_calls = FALSE) {
  list2env(list(time_calls = time_calls, loads = list(), where = NULL), envir = new.env(parent = emptyenv()))
}

# timed() evaluates `expr` and records how long it took if it loaded packages. The record names
# the packages that `text`, its source code, names: library(dplyr) loads a dozen others.
# (timed() sees only the top level of a file, so that user code does not notice it.
# with_timed_calls() sees more, at bootstrap's request.)
timed <- function(expr, text) {
  before <- loadedNamespaces()
  started <- now_ms()
  force(expr)
  loaded <- setdiff_strings(loadedNamespaces(), before)
  if (length(loaded) && !is.null(current$loading)) {
    words <- unique(unlist(strsplit(text, "[^A-Za-z0-9.]+")))
    named <- words[words %in% loaded]
    if (!length(named)) { # source("model.R")
      named <- loaded[paste0("package:", loaded) %in% search()]
    }
    packages <- if (length(named)) named else sort(loaded)
    load <- list(package = clean_text(paste(packages, collapse = ", "), 200L), ms = now_ms() - started)
    current$loading$loads <- c(current$loading$loads, list(load))
  }
  expr
}

# slowest_loads() returns at most five of the statements that loaded packages, the slowest
# first.
slowest_loads <- function(loading) {
  ms <- vapply(loading$loads, function(load) load$ms, numeric(1))
  utils::head(loading$loads[order(ms, decreasing = TRUE)], 5L)
}

# with_timed_calls() evaluates `expr`, which loads the handler. If bootstrap asked for it, each
# call of `timed_functions` logs a record of level debug that says how long the call took, with
# everything that it called. That includes calls that fail, and those of a load that never ends.
#
# Base R's functions are not replaced: the timed ones stand before them on the search path, so
# that only user code finds them. Packages call R's own, whose time counts for the package.
with_timed_calls <- function(expr) {
  loading <- current$loading
  if (!loading$time_calls) {
    return(expr)
  }
  attached <- as.environment("lambda")
  on.exit({
    loading$time_calls <- FALSE
    rm(list = timed_functions, envir = attached)
  })
  for (name in timed_functions) {
    assign(name, timed_function(name), attached)
  }
  expr
}

timed_functions <- c(
  "library", "require", "requireNamespace", "loadNamespace", "attachNamespace",
  "source", "sys.source"
)

# timed_function() returns a function that evaluates the call it got as a call of base R's
# function of this name, in the caller's frame.
timed_function <- function(name) {
  from_base <- call("::", quote(base), as.name(name))
  function(...) {
    call <- sys.call()
    caller <- parent.frame()
    started <- now_ms()
    on.exit(without_interrupts(log_timed_call(name, call, caller, now_ms() - started)))
    eval(replace(call, 1L, list(from_base)), caller)
  }
}

# log_timed_call() logs how long a call of the function `name` took. If the call's own line is
# not known, the record has that of the statement of the handler's file.
log_timed_call <- function(name, call, caller, ms) {
  if (!isTRUE(current$loading$time_calls)) {
    return() # user code has kept the function
  }
  srcref <- attr(call, "srcref")
  where <- if (is.null(srcref)) current$loading$where else paste0(srcref_file(srcref), ":", srcref[[1L]])
  load <- c(list(ms = round(ms, 1)), if (!is.null(where)) list(at = where))
  current$log("debug", "timed", timed_call(name, unmarked(call), caller), load = load)
}

# timed_call() returns a call of the function `name` as the log shows it. (The call itself may
# use another name, as lapply() does.) A variable as its first argument is replaced by its
# value, unless functions with side effects would have to be called for that.
timed_call <- function(name, call, caller) {
  call[[1L]] <- as.name(name)
  if (length(call) > 1L) {
    argument <- call[[2L]]
    quoted <- is.name(argument) && name %in% c("library", "require") && !"character.only" %in% names(call)
    functions <- setdiff(all.names(argument), all.vars(argument))
    if (!quoted && all(functions %in% c("[[", "[", "$", "(", "file.path", "paste0"))) {
      value <- tryCatch(eval(argument, caller), error = function(e) NULL)
      if (is_string(value)) {
        return(call(name, value))
      }
    }
  }
  call
}
