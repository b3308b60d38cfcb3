# R's just-in-time compiler is for user code only. Compiling the runtime's own
# functions, as R does at their second call, costs a cold start some 35 ms and makes
# a warm invocation no faster. (compiler::enableJIT() is this .Internal, but would
# load the compiler package at once.)

jit <- new.env(parent = emptyenv())
jit$user_level <- .Internal(enableJIT(0L))

user_jit_on <- function() .Internal(enableJIT(jit$user_level))

# user_jit_off() remembers the level: user code may have changed it.
user_jit_off <- function() {
  jit$user_level <- .Internal(enableJIT(0L))
}
