# The start of the package.

# In a worker of the runtime, another package may load an installed version of this one. It then
# exports the runtime's own functions, which are attached as "lambda".
.onLoad <- function(libname, pkgname) {
  current$log <- log_at_desk
  if ("lambda" %in% search()) {
    adopt(as.environment("lambda"), topenv())
  }
}

# adopt() replaces the functions of `namespace` by those of the same names in `attached`, if that has
# the runtime's.
adopt <- function(attached, namespace) {
  lambda_log <- get0("lambda_log", attached, mode = "function", inherits = FALSE)
  if (is.null(lambda_log) || !exists("run_worker", environment(lambda_log), inherits = FALSE)) {
    return(invisible())
  }
  for (name in intersect(ls(attached), ls(namespace))) {
    assign(name, get(name, attached), namespace)
  }
}
