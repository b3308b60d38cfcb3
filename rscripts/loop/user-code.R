# The border between the runtime and user code: how one calls the other, and what is
# undone when user code returns.

# R's just-in-time compiler works for user code only. Compiling the runtime's own functions,
# as R does at their second call, would add some 35 ms to a cold start and make a warm
# invocation no faster. (compiler::enableJIT() is this .Internal, but would load the compiler
# package at once.)
jit <- new.env(parent = emptyenv())
jit$user_level <- .Internal(enableJIT(0L))

user_jit_on <- function() .Internal(enableJIT(jit$user_level))

# user_jit_off() remembers the level: user code may have changed it.
user_jit_off <- function() {
  jit$user_level <- .Internal(enableJIT(0L))
}

# call_user() evaluates a call of user code. It marks, in a stack, where the
# runtime's own frames end: at this call and the two frames of eval().
call_user <- function(call, env) {
  on.exit(user_jit_off())
  user_jit_on()
  eval(call, env)
}

# in_runtime() evaluates what a helper does for the user code that calls it. It marks, in
# a stack, where the runtime's own frames begin again, and what it evaluates is not
# compiled: write() would take 30 ms at its second call, event_records() at its
# first.
in_runtime <- function(expr) {
  on.exit(user_jit_on())
  user_jit_off()
  expr
}

# with_interrupts() is `expr`, in which user code runs: with interrupts let in, and with the time
# limits that it sets for itself. R would end those when it is back at its top level, where
# a worker never is, and they would hit a later invocation.
with_interrupts <- function(expr) {
  on.exit({
    setTimeLimit()
    setSessionTimeLimit()
  })
  allowInterrupts(expr)
}

# without_interrupts() is `expr`, the runtime's own work while user code runs: without the compiler,
# which would take 40 ms to load for that, and with interrupts held back until user code
# goes on. (In a calling handler the one for interrupts would not be called, and the
# stack not taken.)
without_interrupts <- function(expr) {
  level <- .Internal(enableJIT(0L))
  on.exit(.Internal(enableJIT(level)))
  suspendInterrupts(expr)
}

# absorb_interrupt() takes a SIGINT that came while no invocation was running, so
# that it does not hit the next one.
absorb_interrupt <- function() {
  tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = function(e) NULL)
}

# end_fork() ends a child that user code has forked and that came back from it as if it
# were the worker: what it answers would break the protocol.
end_fork <- function(io) {
  if (Sys.getpid() != io$pid) {
    tools::pskill(Sys.getpid(), 9L)
  }
}

# reset_output() undoes what a handler left in the way of the log: a sink. It runs at
# every invocation, and sink.number() takes twenty times as long as its .Internal.
reset_output <- function() {
  while (.Internal(sink.number(TRUE)) > 0L) {
    sink()
  }
  if (.Internal(sink.number(FALSE)) != 2L) {
    sink(type = "message")
  }
  flush(stdout())
}
