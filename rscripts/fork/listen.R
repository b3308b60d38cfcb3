# The R of a web server, which takes part in the handshake once its script is about to listen. So the
# script can have loaded all that it needs in one process, and listen in others that are forked from it.

# await_listen() does what bootstrap asks for until that is `listen`. It returns in the process that
# shall listen: TRUE in one that was forked, FALSE in this one.
await_listen <- function(request_path = "/proc/self/fd/3", reply_path = "/proc/self/fd/4") {
  frames <- sys.frames()
  forked <- FALSE
  io <- open_io(request_path, reply_path)
  hello <- message_or_die(io)
  open_log(io, hello)
  current$log <- log_to(io, NULL)
  forking$ready <- control_frame(type = "ready", r_version = as.character(getRversion()))
  write_frames(io$replies, forking$ready)
  suspendInterrupts(repeat {
    frame <- message_or_die(io)
    if (identical(frame$type, "listen")) {
      break
    } else if (!identical(frame$type, "fork")) {
      prepare_server(frame, frames, io)
    } else if (fork_worker(frame, io)) {
      forked <- TRUE
      io <- become_server(frame, io)
    }
  })
  close_pipes(io)
  forked
}

# message_or_die() reads a control frame. If bootstrap has ended, this process ends without the exit hooks
# of the script: it has served nothing.
message_or_die <- function(io) {
  frame <- read_message(io)
  if (is.null(frame) || identical(frame$type, "shutdown")) {
    tools::pskill(Sys.getpid(), 9L)
  }
  frame
}

# prepare_server() is prepare_service() without conditions that become log records: R refuses global
# handlers while code that has established handlers runs, as the script may have. `frames` are the script's.
prepare_server <- function(frame, frames, io) {
  reply <- tryCatch(
    {
      outcome <- switch(frame$type,
        check = list(findings = I(find_fragile_in(server_roots(frames)))),
        template = prepare_forks(io, isTRUE(frame$collect), warm = FALSE)
      )
      do.call(control_frame, c(list(type = "entered"), outcome))
    },
    error = function(e) {
      release_libraries()
      fork_failure(e)
    }
  )
  write_frames(io$replies, reply)
}

# server_roots() returns the environments with the script's objects: the global one, those of its
# functions that run, and those of plumber's files.
server_roots <- function(frames) {
  methods <- Filter(
    function(env) is.environment(env$private) && is.environment(env$self), # R6
    lapply(frames, parent.env)
  )
  files <- lapply(methods, function(env) env$private$envir)
  unique(c(list(globalenv()), frames, Filter(is.environment, files)))
}

# become_server() makes a process that was forked a server's, as become_worker() does for functions. It
# returns its pipes.
become_server <- function(frame, io, request_path = "/proc/self/fd/3", reply_path = "/proc/self/fd/4") {
  io <- take_place(frame, io, request_path, reply_path)
  hello <- message_or_die(io)
  open_log(io, hello)
  current$log <- log_to(io, NULL)
  ready <- tryCatch(
    {
      renew_forked()
      forking$ready
    },
    error = function(e) {
      control_frame(type = "init_error", error = unclass(new_failure("Runtime.ForkFailed", condition_text(e))))
    }
  )
  write_frames(io$replies, ready)
  io
}
