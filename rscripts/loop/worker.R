# The life of a worker: it reads hello, loads the handler, announces it and serves it.

# run_worker() serves until bootstrap closes the request pipe or says shutdown. Then
# R ends, so that it does not go on to read its script.
run_worker <- function() {
  io <- new.env(parent = emptyenv())
  io$pid <- Sys.getpid()
  io$requests <- pipe_open(request_path, "rb")
  io$replies <- pipe_open(reply_path, "wb")
  options(keep.source = TRUE, device = null_device)
  attach_user_api()
  hello <- read_message(io)
  if (!is.null(hello)) {
    timing$calls <- isTRUE(hello$timing)
    suspendInterrupts(become_ready(io, hello$handler))
  }
  quit(save = "no")
}

# become_ready() loads the handler, says so or why not, and serves it.
become_ready <- function(io, handler_name) {
  name <- NULL
  current$log <- log_to(io, NULL)
  started <- now_ms()
  loaded <- with_conditions(
    function() {
      check_event_setting()
      read_compat_setting()
      name <<- parse_handler(handler_name)$name
      handler <- with_interrupts(time_calls(load_handler(handler_name)))
      takes <- handler_arguments(handler)
      check_arguments(takes, name)
      list(handler = handler, takes = takes)
    },
    log = current$log
  )
  end_fork(io)
  reset_output()
  if (inherits(loaded, "failure")) {
    write_frames(io$replies, control_frame(type = "init_error", error = unclass(loaded)))
    return(invisible())
  }
  write_frames(io$replies, control_frame(
    type = "ready",
    r_version = as.character(getRversion()),
    required = I(loaded$takes$required),
    init_ms = now_ms() - started,
    slowest = slowest_loads()
  ))
  serve(io, loaded$handler, name, loaded$takes)
}
