# The worker: a process that was forked from the template.

# become_worker() makes a process that was forked a worker with the pipes, the TMPDIR and the
# threads that the `fork` frame names. `io` are the template's pipes, `loaded` is what
# load_or_fail() returned. The worker then reads `hello`, runs the hooks of on_fork() and announces
# the handler, as a worker does that was not forked. Returns the worker's pipes, or NULL if it
# cannot serve.
become_worker <- function(frame, io, loaded) {
  io <- or_die(frame, {
    take_pipes(frame, io)
    Sys.setenv(TMPDIR = frame$temp_dir)
    tempdir(check = TRUE)
    set_threads(frame$threads)
    io <- open_io(io$request_path, io$reply_path)
    write_frames(io$replies, control_frame(type = "born", pid = io$pid))
    io
  })
  hello <- read_message(io)
  if (is.null(hello)) {
    return(NULL)
  }
  open_log(io, hello)
  current$log <- log_to(io, NULL)
  loaded$failure <- run_fork_hooks(current$log)
  if (!is.null(loaded$failure)) {
    loaded["handler"] <- list(NULL)
  }
  end_fork(io$pid)
  reset_output()
  forget_seed()
  remember_process_state()
  announce(loaded, io)
  if (!is.null(loaded$handler)) io
}

# take_pipes() replaces the template's pipes by those of the frame, as descriptors 1 to 4. It opens
# them with fopen(): no R connection has them, so closeAllConnections() does not close them. A new
# descriptor is the lowest that is free.
take_pipes <- function(frame, io) {
  for (con in list(io$requests, io$replies, io$out, io$err)) {
    close(con)
  }
  .Call(forking$routines$close, 1:4)
  paths <- c(frame$stdout, frame$stderr, frame$requests, frame$replies)
  wanted <- Sys.readlink(paths)
  with_symbol(forking$c_library, "fopen", function(fopen) {
    for (i in 1:4) {
      .C(fopen, c_string(paths[[i]]), c_string(if (i == 3L) "rb" else "wb"))
    }
  })
  if (!all(nzchar(wanted)) || !identical(Sys.readlink(paste0("/proc/self/fd/", 1:4)), wanted)) {
    stop("the worker's pipes cannot be opened through ", dirname(frame$replies))
  }
}

# run_fork_hooks() runs the hooks of on_fork(), the first one registered first. It returns the
# failure of the first one that fails, or NULL.
run_fork_hooks <- function(log) {
  hooks <- settings$fork_hooks
  if (!length(hooks)) {
    return(NULL)
  }
  outcome <- with_conditions(
    function() {
      with_interrupts(for (hook in hooks) run_fork_hook(hook))
      NULL
    },
    log
  )
  if (inherits(outcome, "failure")) outcome
}

run_fork_hook <- function(hook) {
  on_stopped(call_user(as.call(list(hook)), globalenv()), function(cond, at, outer) {
    stack <- without_fail(stack_of(cond, at))
    run_error_option(cond)
    outer(
      new_fail(
        init_error_type(cond), "an on_fork() hook failed: ", failure_text(cond),
        stack = stack, parents = condition_parents(cond, stack)
      ),
      at
    )
  })
}
