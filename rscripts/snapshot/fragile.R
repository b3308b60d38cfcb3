# Values of user code that a restore breaks or repeats: connections to databases, and values
# that were random or current once. bootstrap itself looks in /proc for sockets, files that are open
# for writing, and children; so R's own connections are not looked for here.

# find_fragile() returns findings, lists of `kind`, `what` and `fix`, at most `max_findings`. It sees
# the user's objects, and those in their lists and environments.
find_fragile <- function(handler) find_fragile_in(user_roots(handler))

# find_fragile_in() is find_fragile() for the objects in environments.
find_fragile_in <- function(roots) {
  found <- c(fragile_objects(roots), fragile_seeds(roots), foreign_generators())
  utils::head(found, max_findings)
}

max_findings <- 50L

finding <- function(kind, what, fix) list(list(kind = kind, what = clean_text(what, 400L), fix = fix))

# user_roots() returns the environments with the user's objects: the global one, the package of the
# handler, those of the functions that made the handler, and that of a plumber file.
user_roots <- function(handler) {
  fn <- handler$fn
  if (handler$kind == "batch") {
    fn <- environment(fn)$f
  }
  env <- if (handler$kind == "plumber") environment(fn)$router$.__enclos_env__$private$envir else environment(fn)
  roots <- list(globalenv())
  while (is.environment(env) && !identical(env, globalenv()) && !is_base_env(env) && !is_internal(env)) {
    roots <- c(roots, list(env))
    env <- if (!isNamespace(env)) parent.env(env)
  }
  roots
}

is_base_env <- function(env) {
  identical(env, emptyenv()) || identical(env, baseenv()) || identical(env, .BaseNamespaceEnv)
}

# fragile_objects() returns findings for the objects in environments. It goes three levels deep
# into lists and environments, such as R6 and reference objects, and looks at 5000 objects at most,
# in 300 environments. It forces no promise and calls no active binding.
fragile_objects <- function(roots) {
  found <- list()
  seen <- list()
  left <- 5000L
  look <- function(x, name, depth) {
    left <<- left - 1L
    if (left < 0L) {
      return()
    }
    finding <- tryCatch(fragile_object(x, shown_name(name)), error = function(e) NULL)
    if (!is.null(finding)) {
      found <<- c(found, finding)
    } else if (depth == 3L) {
      return()
    } else if (is.environment(env <- if (isS4(x)) attr(x, ".xData") else x)) {
      look_into(env, paste0(name, "$"), depth + 1L)
    } else if (is.list(x) && !is.data.frame(x)) {
      x <- utils::head(unclass(x), 1000L)
      names <- names(x)
      for (i in seq_along(x)) {
        element <- .subset2(x, i)
        if (!is.null(element)) {
          label <- if (is.null(names) || !nzchar(names[[i]])) paste0(name, "[[", i, "]]") else paste0(name, "$", names[[i]])
          look(element, label, depth + 1L)
        }
      }
    }
  }
  look_into <- function(env, prefix, depth) {
    if (is_base_env(env) || isNamespace(env) && depth > 0L || length(seen) >= 300L) {
      return()
    }
    if (any(vapply(seen, identical, logical(1), env))) {
      return()
    }
    seen <<- c(seen, list(env))
    for (name in setdiff_strings(sort(utils::head(names(env), 5000L)), ".Random.seed")) {
      value <- present_value(name, env)
      if (!is.function(value) && !is.null(value)) {
        look(value, paste0(prefix, name), depth)
      }
    }
  }
  for (env in roots) {
    look_into(env, "", 0L)
  }
  found
}

# shown_name() returns the name of an object without what R6 and reference classes add to it.
shown_name <- function(name) {
  gsub("$.->", "$", gsub("$.__enclos_env__$private$", "$private$", clean_text(name, 300L), fixed = TRUE), fixed = TRUE)
}

# present_value() returns the value of a variable, NULL if it is an active binding or a promise.
# (substitute() returns the code of a promise, but not in the global environment. The promises of a
# package are not secret: they load its objects.)
present_value <- function(name, env) {
  if (bindingIsActive(name, env)) {
    return(NULL)
  }
  if (identical(env, globalenv()) || isNamespace(env)) {
    return(tryCatch(get(name, env, inherits = FALSE), error = function(e) NULL))
  }
  value <- do.call(substitute, list(as.name(name), env))
  if (!missing(value) && !is.language(value)) value # an argument of a function that runs may be missing
}

# fragile_object() returns the finding for an object that user code calls `name`, or NULL.
fragile_object <- function(x, name) {
  if (is_kept_seed(x)) {
    return(finding("seed", paste0(name, ", a seed of R's generator"), "make it in on_restore()"))
  }
  if (!is.object(x)) {
    return(NULL)
  }
  class <- class(x)[[1L]]
  reopen <- "close it in on_snapshot(), open it in on_restore()"
  if (inherits(x, "DBIConnection")) {
    if (is_open_database(x) && !is_memory_database(x)) finding("dbi", paste0(name, ", a connection of class ", class), reopen)
  } else if (inherits(x, "Pool") && is.environment(x)) {
    if (!isFALSE(x$valid)) finding("pool", paste0(name, ", a pool of connections"), reopen)
  } else if (inherits(x, c("RODBC", "mongo", "redis_api"))) {
    finding("dbi", paste0(name, ", a connection of class ", class), reopen)
  } else if (inherits(x, c("curl_handle", "curl_multi"))) {
    finding("curl", paste0(name, ", a handle of class ", class), "make a new one in on_restore()")
  } else if (inherits(x, "cluster")) {
    fix <- "stop it in on_snapshot(), make it in on_restore()"
    finding("cluster", paste0(name, ", a cluster of ", length(x), " R processes"), fix)
  } else if (is_recent(x)) {
    finding("time", paste0(name, ", a time read during the init"), "read it in on_restore() or in the handler")
  }
}

# is_kept_seed() returns TRUE for a copy of .Random.seed, of the generators that are kept as streams:
# Mersenne-Twister (number 3) and L'Ecuyer-CMRG (7).
is_kept_seed <- function(x) {
  is.integer(x) && (length(x) == 626L && x[[1L]] %in% c(403L, 10403L) || length(x) == 7L && x[[1L]] %in% c(407L, 10407L))
}

is_open_database <- function(connection) {
  isTRUE(tryCatch(getExportedValue("DBI", "dbIsValid")(connection), error = function(e) TRUE))
}

# is_memory_database() returns TRUE for a database in memory, of SQLite or DuckDB, which is in the
# snapshot as a whole.
is_memory_database <- function(connection) {
  path <- c(attr(connection, "dbname"), attr(attr(connection, "driver"), "dbdir"))
  is.character(path) && length(path) == 1L && path %in% c("", ":memory:", "file::memory:")
}

# is_recent() returns TRUE for a time, or a day, since this R was started.
is_recent <- function(x) {
  if (!inherits(x, c("POSIXct", "Date")) || length(x) != 1L || is.na(x)) {
    return(FALSE)
  }
  if (inherits(x, "POSIXct")) {
    age <- as.numeric(Sys.time()) - as.numeric(x)
    age >= 0 && age <= proc.time()[["elapsed"]]
  } else {
    as.numeric(x) == as.numeric(Sys.Date())
  }
}
