# Compilation before the snapshot. R compiles most functions at their second call, and loads its
# compiler for that. After one event of priming, that call would be the first one after the restore.

# compile_handler() compiles the user's functions, and returns `handler` with a compiled function. If
# the handler's file has turned the compiler off, nothing is compiled.
compile_handler <- function(handler) {
  if (jit$user_level < 1L) {
    return(handler)
  }
  for (env in Filter(Negate(isNamespace), user_roots(handler))) {
    compile_functions(env)
  }
  if (handler$kind == "batch") {
    made_by <- environment(handler$fn)
    made_by$f <- compile_function(made_by$f)
  } else if (handler$kind == "function") {
    handler$fn <- compile_function(handler$fn)
  }
  handler
}

# compile_functions() compiles the functions in an environment, except for those that are locked.
compile_functions <- function(env) {
  for (name in ls(env, all.names = TRUE)) {
    if (!bindingIsLocked(name, env) && typeof(fn <- present_value(name, env)) == "closure") {
      assign(name, compile_function(fn), envir = env)
    }
  }
}

# compile_function() returns a function compiled, or unchanged if it is or cannot be compiled.
compile_function <- function(fn) {
  if (typeof(.Internal(bodyCode(fn))) == "bytecode") {
    return(fn)
  }
  tryCatch(compiler::cmpfun(fn, list(suppressAll = TRUE)), error = function(e) fn)
}
