# The handler of the chaos suite for real R. It prints a line with the nonce, writes the fault of the
# event to a journal, and injects it into itself.

note <- function(...) {
  cat(paste(..., sep = " "), "\n", sep = "", file = Sys.getenv("CHAOS_JOURNAL"), append = TRUE)
}

# The recorded time is that of the kill: the package is loaded beforehand, and the function has no
# loop, which R would compile in between.
fire <- function(nonce, fault) {
  note("fire", Sys.getpid(), sprintf("%.0f", as.numeric(Sys.time()) * 1e9), nonce)
  if (fault == "SIGKILL") self(9L) else act(fault)
}

pskill <- tools::pskill

# The process that has loaded this file: the template, or this one if it was not forked.
loader <- Sys.getpid()

self <- function(signal) pskill(Sys.getpid(), signal)

block <- strrep(paste0(strrep("x", 1023L), "\n"), 1024L)

act <- function(fault) {
  switch(fault,
    "SIGSTOP" = ,
    "SIGSTOP until the deadline, then SIGCONT" = self(19L),
    "SIGSEGV" = self(11L),
    "exit 0" = quit(save = "no", status = 0L),
    "exit 3" = quit(save = "no", status = 3L),
    "flood on stdout" = for (i in 1:4) cat(block),
    "flood on stderr" = for (i in 1:4) cat(block, file = stderr()),
    "no newline" = cat(strrep("x", 200000L)),
    "invalid UTF-8" = system("printf '\\377\\376\\n'"),
    "out of memory" = numeric(1e14),
    "RLIMIT_NOFILE" = {
      files <- list()
      on.exit(for (con in files) close(con))
      repeat files[[length(files) + 1L]] <- file(tempfile(), "w")
    },
    "full /tmp" = {
      con <- file("/dev/full", "w")
      on.exit(close(con))
      cat("more than there is room for", file = con)
    },
    "grandchild" = {
      system("sleep 300", wait = FALSE)
      self(9L)
    },
    "grandchild in a session of its own" = {
      system("setsid sleep 300", wait = FALSE)
      self(9L)
    },
    "closes fd 4" = closeAllConnections(),
    "setwd" = setwd("/"),
    "Sys.setenv" = Sys.setenv(HOME = "/nowhere", PATH = "", TMPDIR = "/nowhere", TZ = "Mars/Olympus"),
    "loop that ignores SIGINT" = suspendInterrupts(repeat 1),
    "bootstrap SIGKILL" = {
      if (loader != Sys.getpid()) system("sleep 300", wait = FALSE)
      suspendInterrupts(repeat 1)
    },
    "template SIGKILL" = pskill(loader, 9L),
    "template SIGSEGV" = pskill(loader, 11L),
    "watchdog SIGKILL" = while (!file.exists(paste0(Sys.getenv("CHAOS_PLAN"), ".done"))) Sys.sleep(0.001)
  )
  invisible()
}

# later() lets a child print while R is idle.
later <- function(fault) {
  command <- switch(fault,
    "flood on stdout" = "yes $(head -c 999 /dev/zero | tr '\\0' x) | head -c 4000000",
    "flood on stderr" = "yes $(head -c 999 /dev/zero | tr '\\0' x) | head -c 4000000 >&2",
    "no newline" = "head -c 200000 /dev/zero | tr '\\0' x",
    "invalid UTF-8" = "printf '\\377\\376\\n'"
  )
  system(paste0("(sleep 0.02; ", command, ")"), wait = FALSE)
}

run <- function(nonce, fault = "", state = "") {
  note("read", Sys.getpid(), loader, nonce)
  # Each is one write: the output of a child could come between two.
  cat(paste0("chaos-line ", nonce, "\n"))
  cat(paste0("chaos-words ", nonce, "\n"), file = stderr())
  if (state == "busy in handler") {
    fire(nonce, fault)
  } else if (state == "ready") {
    note("fire", Sys.getpid(), sprintf("%.0f", as.numeric(Sys.time()) * 1e9), nonce)
    later(fault)
  } else if (state == "draining") {
    on_shutdown(function() fire(nonce, fault))
  }
  list(nonce = nonce, pid = Sys.getpid())
}

# Memory for a worker that takes long to die.
if (nzchar(Sys.getenv("CHAOS_GB"))) held <- numeric(as.numeric(Sys.getenv("CHAOS_GB")) * 2^27)

# The fault that is planned for the next R, once: for one that loads this file or, if workers are
# forked, for a worker.
planned <- function(plan) {
  mine <- paste0(plan, ".", Sys.getpid())
  if (file.exists(plan) && file.rename(plan, mine)) {
    lines <- readLines(mine)
    unlink(mine)
    fire(lines[[1L]], lines[[2L]])
  }
}
if (Sys.getenv("LAMBDA_R_FORK") == "always") {
  on_fork(function() planned(Sys.getenv("CHAOS_PLAN")))
  planned(paste0(Sys.getenv("CHAOS_PLAN"), ".load"))
} else {
  planned(Sys.getenv("CHAOS_PLAN"))
}
