# Handlers that fail, each in its own way.

echo <- function(event) event
boom <- function() stop("100%s of %d {x}")
quits <- function(status = 0) quit(status = status)
segfault <- function() tools::pskill(Sys.getpid(), 11L)
killed <- function() tools::pskill(Sys.getpid(), 9L)
spin <- function() {
  repeat {
    1 + 1
  }
}
# jsonlite takes minutes to encode this.
slow_result <- function() rep(list(matrix(1:4, 2L)), 2e6)
# C code that does not check for interrupts.
spin_in_c <- function() {
  repeat {
    suspendInterrupts(solve(matrix(runif(250000), 500)))
  }
}
ignores_interrupts <- function() {
  suspendInterrupts(repeat 1)
}
flood <- function(mb = 100, newline = TRUE) {
  line <- strrep("x", if (newline) 1023 else 1024)
  block <- strrep(paste0(line, if (newline) "\n"), 1024)
  for (i in seq_len(mb)) cat(block)
  "flooded"
}
nested <- function(x) {
  inner <- function(y) {
    y + "a"
  }
  inner(x)
}
custom <- function() {
  stop(structure(class = c("teapot", "error", "condition"), list(message = "short and stout", call = NULL)))
}
talkative <- function(first, times) {
  message <- paste0(first, strrep("\u00e9", times))
  stop(structure(class = c("talkative", "error", "condition"), list(message = message, call = NULL)))
}
stops_with_a_warning <- function() {
  tryCatch(warning("turned"), warning = function(w) stop(w))
}
wrapped <- function() {
  tryCatch(
    boom(),
    error = function(e) {
      warning("about to fail")
      rlang::abort("cannot go on", class = "wrapped_error", parent = e)
    }
  )
}
noisy <- function() {
  print("a print")
  cat("no newline at the end")
  message("a message")
  warning("a warning")
  cat("an error line\n", file = stderr())
  system("echo from a child")
  "ok"
}
logs <- function() {
  lambda_log("warn", "100%s of {x}\nand more", rows = 100L, share = 0.25, name = "a\nb", ok = TRUE, list = list(1, "b"))
  lambda_log("debug", "not to be seen")
  remaining_ms()
}
unencodable <- function() list(ok = 1, bad = list(globalenv()))
large <- function(bytes) strrep("x", bytes - 2)
closes_replies <- function() {
  closeAllConnections()
  "still here"
}
clobbers <- function() {
  rm(list = ls(globalenv()), envir = globalenv())
  assign("c", function(...) stop("clobbered"), envir = globalenv())
  assign("parse_text", function(...) stop("clobbered"), envir = globalenv())
  sink(tempfile())
  "clobbered"
}
sleeps <- function(seconds) {
  Sys.sleep(seconds)
  "slept"
}
# Ways to wait in C code that looks for interrupts rarely, ignores them or takes them for its own.
waits_for_a_child <- function() {
  system("sleep 60")
  Sys.sleep(60)
}
waits_for_output <- function() {
  system("sleep 60", intern = TRUE)
  Sys.sleep(60)
}
waits_in_processx <- function() processx::run("sleep", "60")
waits_in_callr <- function() callr::r(function() Sys.sleep(60))
waits_in_httr2 <- function(url) httr2::req_perform(httr2::request(url))
catches_the_interrupt <- function() tryCatch(Sys.sleep(60), interrupt = function(e) "partial")
fails_in_processx <- function() processx::run("sh", c("-c", "echo 'no font' >&2; exit 3"))
fails_in_callr <- function() callr::r(function() stop("in the child"))
opens_nothing <- function() readLines("no-such-file")
draws_nothing <- function() ggplot2::ggplot(mtcars, ggplot2::aes(no_column, mpg)) + ggplot2::geom_point()
error_option <- function() {
  options(error = function() {
    cat("option:", geterrmessage())
    quit(status = 1)
  })
  on.exit(options(error = NULL))
  stop("seen by the option")
}
pid <- function() Sys.getpid()
environment_of <- function(names) as.list(Sys.getenv(names))
whole_context <- function(context) {
  context$remaining <- context$remaining_ms()
  context$remaining_ms <- NULL
  unclass(context)
}
writes_garbage <- function() {
  con <- file("/proc/self/fd/4", "wb", raw = TRUE)
  writeBin(charToRaw("this is no frame at all, and its length is wrong"), con)
  close(con)
  "wrote"
}
answers_twice <- function(id) {
  body <- charToRaw(paste0("{\"type\":\"error\",\"id\":\"", id, "\",\"error\":{\"type\":\"x\",\"message\":\"first\",\"stack\":[]}}"))
  frame <- c(writeBin(length(body), raw(), endian = "big"), body)
  con <- file("/proc/self/fd/4", "wb", raw = TRUE)
  writeBin(c(frame, frame), con) # in one write: the second is there when the first is read
  close(con)
  "third"
}
grandchild <- function() {
  system("sleep 300", wait = FALSE)
  tools::pskill(Sys.getpid(), 9L)
}
recursive <- function(n = 1) recursive(n + 1)
forks <- function() {
  unlist(parallel::mclapply(1:2, function(i) { warning("from a child"); i }, mc.cores = 2L))
}
interrupted <- function() tools::pskill(Sys.getpid(), 2L)
# run() calls one of the handlers above, so that one runtime can serve all of them.
run <- function(event, context) {
  args <- as.list(event$with)
  if (identical(event$what, "answers_twice")) args$id <- context$aws_request_id
  do.call(event$what, args)
}
tells <- function() {
  cat("a line\nand another\n")
  message("a message\nof two lines")
  stop("an error\nof two lines")
}
descriptors <- function() {
  list(named = Sys.getenv("_LAMBDA_TELEMETRY_LOG_FD"), open = Sys.readlink(Sys.glob("/proc/self/fd/*")))
}
