# Random numbers that a restore repeats although renew() has run: the user asked for it, or the
# generator is out of reach.

# fragile_seeds() returns findings for each set.seed() that ran while the handler was loaded.
fragile_seeds <- function(roots) {
  fix <- if (isTRUE(settings$keep_seed)) {
    "remove lambda_config(keep_seed = TRUE), or every environment draws the same numbers"
  } else {
    "remove it: the seed is renewed after a restore, unless lambda_config(keep_seed = TRUE) keeps it"
  }
  found <- lapply(user_sources(roots), function(source) {
    lapply(seed_lines(source), function(line) {
      finding("seed", paste0("set.seed() at ", clean_text(source$filename, 1024L), ":", line), fix)[[1L]]
    })
  })
  do.call(c, found)
}

# user_sources() returns the source files of the functions in environments, each once.
user_sources <- function(roots) {
  sources <- lapply(roots, function(env) {
    values <- lapply(ls(env, all.names = TRUE), present_value, env)
    lapply(Filter(is.function, values), function(f) attr(attr(f, "srcref"), "srcfile"))
  })
  sources <- Filter(function(source) is.environment(source) && is.character(source$lines), do.call(c, sources))
  unique(sources)
}

# seed_lines() returns the lines of a source file's statements that call set.seed() when the file is
# loaded, and not only in a function.
seed_lines <- function(source) {
  statements <- tryCatch(parse(text = source$lines, keep.source = TRUE), error = function(e) NULL)
  seeds <- vapply(as.list(statements), calls_set_seed, logical(1))
  vapply(attr(statements, "srcref")[seeds], function(srcref) srcref[[1L]], integer(1))
}

calls_set_seed <- function(code) {
  is.call(code) && !identical(code[[1L]], as.name("function")) &&
    (called_name(code) == "set.seed" || any(vapply(as.list(code), calls_set_seed, logical(1))))
}

# foreign_generators() returns findings for packages that draw from generators of their own, which
# base R cannot renew.
foreign_generators <- function() {
  found <- list()
  if (isNamespaceLoaded("torch")) {
    found <- finding("seed", "the generator of torch", "call torch::torch_manual_seed() with a random number in on_restore()")
  }
  if (isNamespaceLoaded("reticulate") && isTRUE(getExportedValue("reticulate", "py_available")())) {
    fix <- paste0(
      "call reticulate::py_run_string(\"import random; random.seed()\") in on_restore(), ",
      "and numpy.random.seed() if it is used"
    )
    found <- c(found, finding("seed", "the generators of Python", fix))
  }
  if (isNamespaceLoaded("rJava")) {
    found <- c(found, finding("seed", "the generators of Java, SecureRandom among them", "make new ones in on_restore()"))
  }
  found
}
