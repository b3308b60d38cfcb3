# The template: an R that has loaded the handler, serves nothing, and forks workers.

# forking holds what forks need:
#   routines  entry points of the package parallel: fork, exit, close
#   c_library the path of the C library
#   symbols   functions of it that forked processes call
#   setters   what keep_thread_setters() returned
#   libraries the paths of the libraries that R lists for these functions
#   loaded    what load_or_fail() returned
#   ready     the frame that announces it
forking <- new.env(parent = emptyenv())

# prepare_service() does what `frame` asks for after the load and before the first invocation or
# fork, and replies `entered` or `error`:
#   check     find what forked processes would share
#   threads   use these numbers of threads: the handler was loaded with one
#   template  prepare for forks
prepare_service <- function(frame, handler, io) {
  current$log <- log_to(io, NULL)
  install_handlers()
  outcome <- with_conditions(
    function() {
      switch(frame$type,
        check = with_interrupts(list(findings = I(find_fragile(handler)))),
        threads = {
          set_threads(frame$threads, keep_thread_setters())
          release_libraries()
          NULL
        },
        template = prepare_forks(io, isTRUE(frame$collect))
      )
    },
    current$log
  )
  reply <- if (inherits(outcome, "failure")) {
    release_libraries()
    control_frame(type = "error", error = unclass(outcome))
  } else {
    do.call(control_frame, c(list(type = "entered"), outcome))
  }
  write_frames(io$replies, reply)
}

# fork_worker() forks a worker and answers the `fork` frame. It returns TRUE in the worker, which
# must then call become_worker(), and FALSE in the template.
fork_worker <- function(frame, io) {
  answer <- frame_bytes(charToRaw("{\"type\":\"forked\"}"))
  is_worker <- tryCatch(
    fork_twice(frame),
    error = function(e) {
      answer <<- fork_failure(e)
      release_libraries()
      FALSE
    }
  )
  if (!is_worker) {
    write_frames(io$replies, answer)
  }
  is_worker
}

# fork_failure() returns the frame that reports a fork that failed.
fork_failure <- function(e) {
  control_frame(type = "error", error = unclass(new_failure("Runtime.ForkFailed", condition_text(e))))
}

# fork_twice() forks a process that forks the worker and exits. So the worker becomes a child of
# bootstrap, which can wait for it. It returns TRUE in the worker and FALSE in this process.
# (mcfork() is this routine, but loads the compiler, which takes 40 ms.)
fork_twice <- function(frame) {
  if (.Call(forking$routines$fork, TRUE)[[1L]] != 0L) {
    return(FALSE)
  }
  or_die(frame, if (.Call(forking$routines$fork, TRUE)[[1L]] != 0L) .Call(forking$routines$exit, 0L))
  TRUE
}

# or_die() evaluates `expr` in a process that was forked. If that fails, it reports the failure on
# the worker's reply pipe and kills the process, which must not go on as if it were the template.
or_die <- function(frame, expr) {
  tryCatch(expr, error = function(e) {
    try(write_frames(file(frame$replies, "wb", raw = TRUE), fork_failure(e)), silent = TRUE)
    tools::pskill(Sys.getpid(), 9L)
  })
}

# prepare_forks() prepares this process for forks, with `warm` also for invocations. It stops if this R
# cannot fork.
prepare_forks <- function(io, collect, warm = TRUE) {
  forking$routines <- fork_routines()
  # At the end of each forked process, a finalizer of parallel would load it, which takes 13 ms.
  loadNamespace("tools")
  keep_c_library()
  forking$setters <- keep_thread_setters()
  leave_temp_dir()
  if (warm) {
    warm_up(io)
  }
  if (collect) {
    # A collection marks objects in their headers. After two, all are old: the collections of the
    # workers touch them less, and more of their pages stay shared.
    gc(full = TRUE)
    gc(full = TRUE)
  }
  return_memory()
  NULL
}

# return_memory() returns memory that R has freed to the kernel, so that the template does not keep it
# beside each worker. The C library of musl has no such function.
return_memory <- function() {
  tryCatch(
    call_library(forking$c_library, "malloc_trim", 0L), # the pointer passes for a number of bytes to keep at the end
    error = function(e) NULL
  )
  invisible()
}

# warm_up() runs an invocation of the runtime's own, so that not each worker has to do what R does
# only once. It calls no function of the user's.
warm_up <- function(io) {
  if (settings$lambdr_compat || !is.null(settings$deserialiser) || !is.null(settings$serialiser)) {
    return(invisible())
  }
  handler <- new_handler(function(a, b) list(a = a, b = b), "warm_up")
  invocation <- new_invocation(list(id = "warm-up"), io)
  without_fail(evaluate(invocation, handler, charToRaw("{\"a\":[1,2.5],\"b\":\"text\"}")))
}

# keep_c_library() looks up C functions for call_c(), so that each forked process need not.
keep_c_library <- function() {
  forking$c_library <- c_library()
  dll <- keep_library(forking$c_library)
  names <- c("fopen", "setstate", "seed48", "rand")
  forking$symbols <- lapply(structure(names, names = names), getNativeSymbolInfo, dll)
}

# keep_library() makes R list a library that is loaded, until release_libraries() is called, and returns
# what R knows of it.
keep_library <- function(path) {
  dll <- listed_library(path)
  if (is.null(dll)) {
    dll <- dyn.load(path)
    forking$libraries <- c(forking$libraries, path)
  }
  dll
}

# release_libraries() ends that. R must not look for the symbols of user code in these libraries.
release_libraries <- function() {
  for (path in forking$libraries) {
    dyn.unload(path)
  }
  forking$libraries <- forking$symbols <- forking$setters <- NULL
}

# call_c() calls one of these functions, and returns what .C() does.
call_c <- function(name, ...) .C(forking$symbols[[name]], ...)

# fork_routines() returns the entry points of the package parallel, which are internal to it. It
# stops if they are not what they are from R 4.0 on.
fork_routines <- function() {
  parallel <- getNamespace("parallel")
  names <- c(fork = "C_mc_fork", exit = "C_mc_exit", close = "C_mc_close_fds")
  lapply(names, function(name) {
    routine <- get0(name, parallel, inherits = FALSE)
    if (!inherits(routine, "NativeSymbolInfo") || !identical(routine$numParameters, 1L)) {
      stop("the package parallel of this R has no ", name, " with one argument")
    }
    routine
  })
}

# leave_temp_dir() makes tempdir() a directory that does not exist, so that each forked process
# can make one of its own. The present one keeps its name and its files, which the handler's file
# may have made.
leave_temp_dir <- function() {
  path <- tempdir()
  if (dir.exists(path)) {
    aside <- paste0(path, "-aside")
    if (!file.rename(path, aside)) {
      stop("tempdir() cannot be renamed: ", path)
    }
    on.exit(file.rename(aside, path))
  }
  unlink(tempdir(check = TRUE), recursive = TRUE)
}
