# Handlers that damage the process, and one that shows what is left for the next invocation.

removes_tempdir <- function() {
  unlink(tempdir(), recursive = TRUE)
  NULL
}

empties_tmp <- function() {
  unlink(Sys.getenv("TMPDIR"), recursive = TRUE)
  NULL
}

child_quits <- function() {
  children <- suppressWarnings(parallel::mclapply(1:2, function(i) quit(status = 0), mc.cores = 2))
  length(children)
}

changes_directory <- function() {
  setwd(tempdir())
  NULL
}

changes_locale <- function() {
  Sys.setlocale("LC_ALL", "C")
  NULL
}

sends_file <- function() {
  writeLines("x", path <- tempfile())
  file_response(path)
}

leaves_file <- function() {
  writeLines("x", tempfile())
  NULL
}

sets_option <- function() {
  options(digits = 3)
  Sys.setenv(STAYS = "yes")
  NULL
}

state <- function(event) {
  writeLines("x", path <- tempfile())
  unlink(path)
  plot <- png_response(plot(1:10))
  list(
    files = length(list.files(tempdir())), wd = file.exists("hygiene.R"), locale = Sys.getlocale(),
    plot = plot$status, keys = names(event), digits = getOption("digits"), env = Sys.getenv("STAYS")
  )
}

f <- function(event) {
  if (is.null(event$run)) state(event) else get(event$run)()
}

# leaves_orphans() starts five processes that outlive their parents.
leaves_orphans <- function() {
  for (i in 1:5) system("sh -c '(sleep 0.2 &)'")
  NULL
}

# dead_processes() returns how many zombies there are, and how many processes sleep.
dead_processes <- function() {
  stats <- suppressWarnings(lapply(Sys.glob("/proc/[0-9]*/stat"), function(path) try(readLines(path), silent = TRUE)))
  list(zombies = sum(grepl("\\) Z ", stats)), sleeps = sum(grepl("(sleep)", stats, fixed = TRUE)))
}
