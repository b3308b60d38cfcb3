# A handler that waits for others. It creates a file named after its pid in the folder
# `dir`, and waits until the folder has `n` files, or one named `until`.
waits <- function(dir, n = Inf, until = "go") {
  file.create(file.path(dir, Sys.getpid()))
  while (length(list.files(dir)) < n && !file.exists(file.path(dir, until))) {
    Sys.sleep(0.01)
  }
  list(pid = Sys.getpid(), temp = tempdir(), own = Sys.getenv("TMPDIR"))
}
