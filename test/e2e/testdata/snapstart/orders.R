# A function with a hook in each phase of SnapStart. FAULT makes one of them fail: "restore quit".
fault <- strsplit(Sys.getenv("FAULT"), " ")[[1]]

# act() logs where it was called, and does there what FAULT says. With ONCE, the path of a folder to
# create, only the first process does.
act <- function(where) {
  cat("in", where, "of", Sys.getpid(), "\n")
  if (!identical(where, fault[1])) {
    return()
  }
  once <- Sys.getenv("ONCE")
  if (nzchar(once) && !dir.create(once, showWarnings = FALSE)) {
    return()
  }
  switch(fault[2],
    stop = connect(),
    quit = quit("no", status = 3),
    kill = tools::pskill(Sys.getpid(), tools::SIGKILL),
    slow = wait_forever()
  )
}

connect <- function() stop("no such table")

wait_forever <- function() repeat Sys.sleep(0.1)

on_snapshot(function() act("snapshot"))
on_restore(function() act("restore"))
if (nzchar(Sys.getenv("SHUTDOWN_HOOK"))) {
  on_shutdown(function() cat("shut down\n"))
}
lambda_config(prime = list(where = "priming"), prime_on_error = Sys.getenv("PRIME_ON_ERROR", "stop"))

f <- function(where = "the handler") {
  act(where)
  Sys.getpid()
}
