# A handler that waits for others. It leaves a file with its pid as the name in the folder
# `dir`, and waits until there are `n` files there, or one that is called `until`.
waits <- function(dir, n = Inf, until = "go") {
  file.create(file.path(dir, Sys.getpid()))
  while (length(list.files(dir)) < n && !file.exists(file.path(dir, until))) {
    Sys.sleep(0.01)
  }
  list(pid = Sys.getpid(), temp = tempdir(), own = Sys.getenv("TMPDIR"))
}
