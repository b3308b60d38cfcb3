# The handler of the chaos tests: 20 operations. Each run of a step is a line of the file runs, and
# each line of the file plan names a point at which R dies, alone or with bootstrap.
chaos <- durable(function(careful = TRUE) {
  first <- 0L
  for (i in 1:6) first <- first + chaos_step(i, once = i == 3L && careful)
  durable_wait(hours = 1, name = "night")
  second <- durable_child("child", chaos_step(7L) + chaos_step(8L, once = careful))
  durable_wait(days = 1, name = "day")
  third <- durable_map(9:11, function(i, n) chaos_step(i), name = "map")
  first + second + sum(unlist(durable_results(third))) + chaos_step(12L, once = careful)
})

# chaos_step() returns i from a step. One that is at most once may have been interrupted.
chaos_step <- function(i, once = FALSE) {
  name <- paste0("s", i)
  die_at(paste(name, "before"))
  value <- if (once) {
    tryCatch(
      durable_step(name, work(name, i), at_most_once = TRUE, retry = NULL),
      durable_step_interrupted = function(e) i
    )
  } else {
    durable_step(name, work(name, i))
  }
  die_at(paste(name, "after"))
  value
}

work <- function(name, value) {
  cat(name, "\n", sep = "", file = file.path(Sys.getenv("CHAOS_DIR"), "runs"), append = TRUE)
  die_at(paste(name, "in"))
  value
}

die_at <- function(point) {
  path <- file.path(Sys.getenv("CHAOS_DIR"), "plan")
  plan <- if (file.exists(path)) readLines(path) else character()
  mine <- match(paste(point, c("R", "bootstrap")), plan)
  if (all(is.na(mine))) {
    return(invisible())
  }
  writeLines(plan[-mine[!is.na(mine)]], path)
  if (!is.na(mine[[2L]])) tools::pskill(bootstrap_pid(), tools::SIGKILL)
  tools::pskill(Sys.getpid(), tools::SIGKILL)
}

# bootstrap_pid() returns the ancestor that is bootstrap: the parent of a forked R is another R.
bootstrap_pid <- function() {
  pid <- Sys.getpid()
  while (basename(Sys.readlink(file.path("/proc", pid, "exe"))) != "bootstrap") {
    status <- readLines(file.path("/proc", pid, "status"))
    pid <- as.integer(sub("PPid:\t", "", grep("^PPid:", status, value = TRUE)))
  }
  pid
}
