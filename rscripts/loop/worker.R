# The life of a worker: it reads `hello`, loads the handler, announces it and serves it.

# run_worker() runs a worker on the pipes at the given paths until bootstrap closes the
# request pipe or sends `shutdown`. Then it ends R, which would otherwise go on to read its
# script. (The paths are not in /dev/fd, which can be missing in Lambda.)
run_worker <- function(request_path = "/proc/self/fd/3", reply_path = "/proc/self/fd/4") {
  require_jsonlite()
  options(keep.source = TRUE, device = null_device)
  attach_user_api()
  io <- open_io(request_path, reply_path)
  hello <- read_message(io)
  if (!is.null(hello)) {
    settings$hints <- isTRUE(hello$hints)
    settings$dumps <- hello$dumps
    open_log(io, hello)
    suspendInterrupts({
      install_handlers()
      loaded <- load_or_fail(hello$handler, log_to(io, NULL), time_calls = isTRUE(hello$timing))
      forking$loaded <- loaded
      forking$ready <- announcement(loaded)
      write_frames(io$replies, forking$ready)
      if (!is.null(loaded$handler)) {
        fork <- serve(loaded$handler, io)
        if (!is.null(fork)) { # this process was forked: it is a worker of its own
          io <- become_worker(fork, io)
          if (!is.null(io)) {
            serve(loaded$handler, io)
          }
        }
      }
    })
  }
  quit(save = "no")
}

# load_or_fail() loads the handler of this name. It needs no pipes, only `log`, see log_to(),
# so that one process can load a handler and another one serve it. It returns a list:
#   handler  the handler, see new_handler(); NULL if it cannot be loaded
#   failure  why it cannot, see new_failure()
#   init_ms  how long that took
#   slowest  the packages that took the longest, see slowest_loads()
load_or_fail <- function(handler_name, log, time_calls = FALSE) {
  pid <- Sys.getpid()
  started <- now_ms()
  current$log <- log
  current$loading <- new_loading(time_calls)
  handler <- with_conditions(
    function() {
      check_event_setting()
      check_simplify_setting()
      read_compat_setting()
      handler <- with_interrupts(with_timed_calls(load_handler(handler_name)))
      check_arguments(handler)
      handler
    },
    log
  )
  end_fork(pid)
  reset_output()
  forget_seed()
  remember_process_state()
  slowest <- slowest_loads(current$loading)
  current$loading <- NULL
  failed <- inherits(handler, "failure")
  list(
    handler = if (!failed) handler,
    failure = if (failed) handler,
    init_ms = now_ms() - started,
    slowest = slowest
  )
}

# announce() sends what load_or_fail() returned: `ready` or `init_error`.
announce <- function(loaded, io) write_frames(io$replies, announcement(loaded))

# announcement() returns the frame that announce() sends.
announcement <- function(loaded) {
  if (is.null(loaded$handler)) {
    return(control_frame(type = "init_error", error = unclass(loaded$failure)))
  }
  control_frame(
    type = "ready",
    r_version = as.character(getRversion()),
    required = I(loaded$handler$arguments$required),
    init_ms = loaded$init_ms,
    slowest = loaded$slowest,
    durable = loaded$handler$kind == "durable",
    hooks = has_shutdown_hooks(),
    on_fork = length(settings$fork_hooks) > 0L,
    prime = if (is.null(settings$prime)) "" else settings$prime_on_error,
    arrays = decoded_arrays(loaded$handler),
    bodies = takes_bodies(loaded$handler)
  )
}

# require_jsonlite() stops with the fix if jsonlite cannot be loaded. Without it the worker can
# neither read a frame nor write one, so the message goes to standard error.
require_jsonlite <- function() {
  tryCatch(loadNamespace("jsonlite"), error = function(e) {
    stop(
      "the runtime needs the R package jsonlite, which cannot be loaded: ", conditionMessage(e),
      ". Install it (Debian, Ubuntu: apt-get install r-cran-jsonlite; elsewhere: install.packages(\"jsonlite\")) ",
      "into one of R's libraries: ", paste(.libPaths(), collapse = ", "),
      call. = FALSE
    )
  })
}
