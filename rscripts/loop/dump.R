# Dumps of the frames of a failed invocation, for debugger(): bootstrap local --dump.

# Limits of the dumps in their folder.
max_dumps <- 5L
max_dump <- 128 * 1048576 # bytes of the objects in a dump, as far as object.size() counts them, and of its file

# dump_stopped() writes the frames of user code to a file, if bootstrap asks for that, for an error
# that user code does not catch. It is called before the stack unwinds. It must not become another
# error. `at` is what handling$stopped gets.
dump_stopped <- function(cond, at) {
  invocation <- current$invocation
  unwanted <- c("html_error", "runtime_failure", "interrupt", "stackOverflowError")
  if (is.null(settings$dumps) || is.null(invocation) || inherits(cond, unwanted)) {
    return(invisible())
  }
  tryCatch(
    {
      path <- file.path(settings$dumps, paste0(gsub("[^A-Za-z0-9-]", "_", invocation$frame$id), ".rda"))
      problem <- write_dump(new_dump(cond, at), path)
      if (is.null(problem)) {
        remove_old_dumps(settings$dumps)
        invocation$log("info", paste0("frames dumped, to see them call in R: load(", encodeString(path, quote = "\""), "); debugger(last.dump)"))
      } else {
        invocation$log("warn", paste0("frames not dumped: ", problem))
      }
    },
    error = function(e) invocation$log("warn", paste0("frames not dumped: ", condition_text(e)))
  )
  invisible()
}

# new_dump() returns what dump.frames() would make at the user's own top level.
new_dump <- function(cond, at) {
  marked <- which(vapply(at$calls, is_call_to, logical(1), name = "call_user"))
  last <- length(at$calls) - 1L # the last call is the handler of the condition
  while (last > 1L && (is_machinery(at$calls[[last]]) || called_name(at$calls[[last]]) == ".handleSimpleError")) {
    last <- last - 1L
  }
  shown <- if (length(marked)) seq_len(last)[-seq_len(min(last, marked[[1L]] + 2L))] else integer()
  frames <- as.list(at$frames)[shown]
  names(frames) <- utils::limitedLabels(at$calls[shown])
  call <- shown_call(cond)
  intro <- if (is.null(call)) "Error: " else paste0("Error in ", call_text(call), " : ")
  structure(frames, error.message = paste0(intro, condition_text(cond), "\n"), class = "dump.frames")
}

# write_dump() writes a dump to a file that only its owner can read. It returns NULL, or why it did
# not.
write_dump <- function(last.dump, path) {
  size <- sum(vapply(unique(unclass(last.dump)), size_of_frame, numeric(1)))
  too_large <- function(size) sprintf("they have %.0f MB, the limit is %.0f MB", size / 1048576, max_dump / 1048576)
  if (size > max_dump) {
    return(too_large(size))
  }
  umask <- Sys.umask("077")
  on.exit(Sys.umask(umask))
  part <- paste0(path, ".part")
  on.exit(unlink(part), add = TRUE)
  save(last.dump, file = part, compress = "gzip", compression_level = 1L)
  if (file.size(part) > max_dump) {
    return(too_large(file.size(part)))
  }
  file.rename(part, path)
  NULL
}

# size_of_frame() returns the size of the objects in a frame, in bytes. Arguments do not count, because
# looking at one may evaluate it. Nor do active bindings.
size_of_frame <- function(frame) {
  arguments <- names(formals(environment_function(frame)))
  names <- setdiff(ls(frame, all.names = TRUE, sorted = FALSE), c(arguments, "..."))
  names <- Filter(function(name) !bindingIsActive(as.name(name), frame), names)
  sum(0, vapply(names, function(name) as.numeric(utils::object.size(get(name, frame, inherits = FALSE))), numeric(1)))
}

# environment_function() returns the function whose call has this frame, NULL if it has returned.
environment_function <- function(frame) {
  for (i in seq_along(sys.frames())) {
    if (identical(sys.frame(i), frame)) {
      return(sys.function(i))
    }
  }
}

# remove_old_dumps() keeps the newest dumps only.
remove_old_dumps <- function(dir) {
  paths <- list.files(dir, "[.]rda$", full.names = TRUE)
  newest <- order(file.mtime(paths), decreasing = TRUE)
  unlink(paths[newest[-seq_len(max_dumps)]])
}
