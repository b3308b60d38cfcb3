# The worker: a process that was forked from the template.

# become_worker() makes a process that was forked a worker with the pipes, the TMPDIR and the
# threads that the `fork` frame names. `io` are the template's pipes. The worker then reads `hello`,
# runs the hooks of on_fork() and announces the handler, as a worker does that was not forked. Returns
# the worker's pipes, or NULL if it cannot serve.
become_worker <- function(frame, io, request_path = "/proc/self/fd/3", reply_path = "/proc/self/fd/4") {
  io <- take_place(frame, io, request_path, reply_path)
  hello <- read_message(io)
  if (is.null(hello)) {
    return(NULL)
  }
  open_log(io, hello)
  current$log <- log_to(io, NULL)
  failed <- begin_forked(io)
  if (!is.null(failed)) {
    announce(list(failure = failed), io)
    return(NULL)
  }
  # A hook may have registered others, which the announcement mentions.
  ready <- if (length(settings$fork_hooks)) announcement(forking$loaded) else forking$ready
  write_frames(io$replies, ready)
  io
}

# take_place() gives a process that was forked its pipes, TMPDIR, environment and threads, announces its
# birth and returns its pipes.
take_place <- function(frame, io, request_path, reply_path) {
  or_die(frame, {
    take_pipes(frame, io)
    Sys.setenv(TMPDIR = frame$temp_dir)
    set_env(frame$env)
    set_threads(frame$threads, forking$setters)
    io <- open_io(request_path, reply_path)
    write_frames(io$replies, frame_bytes(charToRaw(sprintf("{\"type\":\"born\",\"pid\":%d}", io$pid))))
    io
  })
}

# renew_forked() renews what forked processes share. It is renew() without what they do not share:
# OpenSSL and GnuTLS notice a fork.
renew_forked <- function() {
  tempdir(check = TRUE) # that of the template does not exist, see leave_temp_dir()
  or_warn(c_generator, renew_rand(call_c))
  release_libraries()
  renew_seed()
}

# begin_forked() renews what forked processes share and runs the hooks of on_fork(). It returns the
# failure of one of them, or NULL.
begin_forked <- function(io) {
  failed <- with_conditions(renew_forked, current$log)
  if (!inherits(failed, "failure")) {
    failed <- run_phase_hooks(settings$fork_hooks, NULL, io)
  }
  if (!is.null(failed) && !startsWith(failed$type, "Runtime.")) {
    failed$message <- paste0("an on_fork() hook failed: ", failed$type, ": ", failed$message)
    failed$type <- "Runtime.InitError"
    failed$call <- NULL
  }
  remember_process_state()
  failed
}

# c_string() returns text as C reads it.
c_string <- function(text) c(charToRaw(text), as.raw(0L))

# close_pipes() closes the connections to the worker's pipes.
close_pipes <- function(io) {
  for (con in list(io$requests, io$replies, io$out, io$err)) {
    close(con)
  }
}

# take_pipes() replaces the template's pipes by those of the frame, as descriptors 1 to 4. It opens
# them with fopen(): no R connection has them, so closeAllConnections() does not close them. A new
# descriptor is the lowest that is free.
take_pipes <- function(frame, io) {
  close_pipes(io)
  .Call(forking$routines$close, 1:4)
  paths <- c(frame$stdout, frame$stderr, frame$requests, frame$replies)
  wanted <- Sys.readlink(paths)
  for (i in 1:4) {
    call_c("fopen", c_string(paths[[i]]), c_string(if (i == 3L) "rb" else "wb"))
  }
  if (!all(nzchar(wanted)) || !identical(Sys.readlink(paste0("/proc/self/fd/", 1:4)), wanted)) {
    stop("the worker's pipes cannot be opened through ", dirname(frame$replies))
  }
}
