# The border between the runtime and user code: how one calls the other, and what is undone
# when user code returns.

# R's just-in-time compiler works for user code only. Compiling the runtime's own functions,
# as R does at their second call, would add some 35 ms to a cold start and make a warm
# invocation no faster. (compiler::enableJIT() is this .Internal, but would load the compiler
# package at once.)
jit <- new.env(parent = emptyenv())
jit$user_level <- .Internal(enableJIT(0L))
jit$calls <- 0L # of without_interrupts()

# user_jit_on() turns the compiler on, at the level that user code had it at last.
user_jit_on <- function() .Internal(enableJIT(jit$user_level))

# user_jit_off() turns the compiler off and remembers its level: user code may have changed it.
user_jit_off <- function() {
  jit$user_level <- .Internal(enableJIT(0L))
}

# call_user() evaluates a call of user code. In a stack, its own call and the two frames of
# eval() mark where the runtime's frames end.
call_user <- function(call, env) {
  on.exit(user_jit_off())
  user_jit_on()
  eval(call, env)
}

# in_runtime() evaluates the body of a function of the runtime that user code has called. In
# a stack, its call marks where the runtime's frames begin again. The compiler is off:
# compiling would add 30 ms to the second write() and to the first event_records().
in_runtime <- function(expr) {
  on.exit(user_jit_on())
  user_jit_off()
  expr
}

# with_interrupts() evaluates `expr`, which runs user code, with interrupts enabled, and
# removes the time limits that user code sets. R itself removes them at its top level, where
# a worker never is, so they would hit a later invocation.
with_interrupts <- function(expr) {
  on.exit({
    setTimeLimit()
    setSessionTimeLimit()
  })
  allowInterrupts(expr)
}

# without_interrupts() evaluates `expr`, the runtime's work in the middle of user code. Interrupts
# wait until user code continues: in a calling handler, R would not call the handler of interrupts,
# which takes the stack. The compiler is off for the first calls: loading it takes 40 ms. Code that
# logs hundreds of records gets that back, because compiled functions take half the time.
without_interrupts <- function(expr) {
  if (jit$calls > 500L) {
    return(suspendInterrupts(expr))
  }
  jit$calls <- jit$calls + 1L
  level <- .Internal(enableJIT(0L))
  on.exit(.Internal(enableJIT(level)))
  suspendInterrupts(expr)
}

# absorb_interrupt() discards a SIGINT that arrived between two invocations, which would hit
# the next one.
absorb_interrupt <- function() {
  tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = function(e) NULL)
}

# end_fork() kills this process if it is not `pid`, the worker, but a child that user code
# forked and that returned as if it were the worker. Its replies would break the protocol.
end_fork <- function(pid) {
  if (Sys.getpid() != pid) {
    tools::pskill(Sys.getpid(), 9L)
  }
}

# forget_seed() removes what set.seed() in the handler's file has set, so that R seeds itself at
# the next random number. Otherwise every worker would draw the same numbers, and the same again
# after each restart. The kind of the generator stays.
forget_seed <- function() {
  if (!isTRUE(settings$keep_seed) && exists(".Random.seed", globalenv(), inherits = FALSE)) {
    rm(".Random.seed", envir = globalenv())
  }
}

# reset_output() removes the sinks that user code left, which would hide output from the log.
# (sink.number() takes twenty times as long as its .Internal, and this runs at every
# invocation.)
reset_output <- function() {
  while (.Internal(sink.number(TRUE)) > 0L) {
    sink()
  }
  if (.Internal(sink.number(FALSE)) != 2L) {
    sink(type = "message")
  }
  flush(stdout())
}
