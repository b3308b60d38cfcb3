# What makes the loading of a handler slow.

timing <- new.env(parent = emptyenv())
timing$loads <- list()
timing$calls <- FALSE # time each call, see time_calls()
timing$where <- NULL # the statement of the handler's file that runs, as file:line

# timed() is `expr`, and notes how long it took if it has loaded packages. They are
# named as far as `text`, its source code, names them: library(dplyr) loads a dozen others.
# (Only what stands on a file's top level is timed, so that user code could not tell.
# time_calls() sees more, where somebody asked for that.)
timed <- function(expr, text) {
  before <- loadedNamespaces()
  started <- now_ms()
  force(expr)
  loaded <- setdiff_strings(loadedNamespaces(), before)
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
  utils::head(timing$loads[order(ms, decreasing = TRUE)], 5L)
}

# time_calls() is `expr`, which loads the handler. If bootstrap asked for it, each call of
# the functions below is timed meanwhile, and a record of level debug says how long it
# took, with all that it called: one that fails, too, and one in a load that never ends.
#
# They are not replaced in base R: what user code calls is found before it, among the
# helpers. So packages call R's own, whose time is that of the package.
time_calls <- function(expr) {
  if (!timing$calls) {
    return(expr)
  }
  helpers <- as.environment("lambda")
  on.exit({
    timing$calls <- FALSE
    rm(list = timed_functions, envir = helpers)
  })
  for (name in timed_functions) {
    assign(name, timed_function(name), helpers)
  }
  expr
}

timed_functions <- c(
  "library", "require", "requireNamespace", "loadNamespace", "attachNamespace",
  "source", "sys.source"
)

# timed_function() does what the function of this name in base does, in the same place: it
# evaluates the very call that it got, where it was made, but for the function's name.
timed_function <- function(name) {
  from_base <- call("::", quote(base), as.name(name))
  function(...) {
    call <- sys.call()
    caller <- parent.frame()
    started <- now_ms()
    on.exit(without_interrupts(note_call(name, call, caller, now_ms() - started)))
    eval(replace(call, 1L, list(from_base)), caller)
  }
}

# note_call() logs how long a call of the function `name` took. Where the call's own line
# is not known, the record has that of the statement of the handler's file.
note_call <- function(name, call, caller, ms) {
  if (timing$calls) { # else user code has kept the function
    srcref <- attr(call, "srcref")
    where <- if (is.null(srcref)) timing$where else paste0(srcref_file(srcref), ":", srcref[[1L]])
    fields <- c(list(took_ms = round(ms, 1)), if (!is.null(where)) list(at = where))
    current$log("debug", "timed", shown_load(name, unmarked(call), caller), fields)
  }
}

# shown_load() is a call of the function `name`, which may have been made by another
# name, as lapply() does. A variable as its first argument becomes its value, where no
# function must be called for that which could do anything else.
shown_load <- function(name, call, caller) {
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
