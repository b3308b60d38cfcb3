# Hooks that user code registers, with on_shutdown() and its like.

# check_hook() returns a hook of the function `name`. It stops if `f` is not a function, or needs an
# argument. Otherwise it would fail when nobody can correct it any more: of a published version, no
# environment would start.
check_hook <- function(name, f) {
  if (!is.function(f)) {
    stop(name, "(): f must be a function without arguments, not ", class(f)[[1L]], call. = FALSE)
  }
  needs <- required_arguments(f)
  if (length(needs)) {
    stop(name, "(): f is called without arguments; give ", quoted(needs), " a default", call. = FALSE)
  }
  f
}
