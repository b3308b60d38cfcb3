# The function of the soak. An HTTP request has its arguments in the query string.

run <- function(event, context) {
  arguments <- if (is.null(event$requestContext)) event else event$queryStringParameters
  do.call(paste0("do_", arguments$what), list(arguments$nonce, event, context))
}

do_echo <- function(nonce, event, context) list(nonce = nonce)
do_big <- function(nonce, event, context) list(nonce = nonce, text = event$text)
do_rows <- function(nonce, event, context) {
  event$rows$nonce <- nonce
  event$rows[order(event$rows$x), ]
}
do_stop <- function(nonce, event, context) stop(structure(class = c("soaked", "error", "condition"), list(message = nonce, call = NULL)))
do_warn <- function(nonce, event, context) {
  print(nonce)
  message("\u001b[31mred\u202e", nonce)
  warning("100%s of {x}")
  lambda_log("info", "logged", nonce = nonce, list = list(1, "b"))
  cat("no newline \xff")
  list(nonce = nonce)
}
do_unencodable <- function(nonce, event, context) list(nonce, globalenv())
do_context <- function(nonce, event, context) list(nonce = context$client_context$custom$nonce)
do_page <- function(nonce, event, context) html_response(nonce, headers = list("X-Nonce" = nonce), cookies = "a=1")
do_not_found <- function(nonce, event, context) stop_html("nothing at ", nonce, code = 404L)
do_png <- function(nonce, event, context) png_response(plot(1:3), width = 300, height = 300)
do_stream <- function(nonce, event, context) {
  stream_response(function(write) {
    write(nonce)
    message("streaming")
    write(nonce)
  }, content_type = "text/plain")
}
do_broken_stream <- function(nonce, event, context) {
  stream_response(function(write) {
    write(nonce)
    stop("broken off")
  })
}
do_recursion <- function(nonce, event, context) do_recursion(nonce, event, context)
do_too_much <- function(nonce, event, context) numeric(1e14)
do_forks <- function(nonce, event, context) {
  children <- parallel::mclapply(1:2, function(i) Sys.getpid(), mc.cores = 2L)
  list(nonce = nonce, children = length(children))
}
do_wait <- function(nonce, event, context) {
  Sys.sleep(0.05)
  list(nonce = nonce)
}
do_endless <- function(nonce, event, context) {
  stream_response(function(write) repeat write(raw(65536)))
}

# The process that has loaded this file: the template, or this one if it was not forked.
loader <- Sys.getpid()
do_orphan <- function(nonce, event, context) {
  if (loader != Sys.getpid()) {
    tools::pskill(loader, 9L)
  }
  list(nonce = nonce)
}

# The ends of a worker.
do_quit <- function(nonce, event, context) quit(status = 3)
do_sigkill <- function(nonce, event, context) tools::pskill(Sys.getpid(), 9L)
do_segfault <- function(nonce, event, context) tools::pskill(Sys.getpid(), 11L)
do_freeze <- function(nonce, event, context) tools::pskill(Sys.getpid(), 19L)
do_spin <- function(nonce, event, context) repeat 1
do_stubborn <- function(nonce, event, context) suspendInterrupts(repeat 1)
do_closed <- function(nonce, event, context) closeAllConnections()
do_family <- function(nonce, event, context) {
  system("sleep 300", wait = FALSE)
  system("setsid sleep 300", wait = FALSE)
  tools::pskill(Sys.getpid(), 9L)
}
do_garbage <- function(nonce, event, context) {
  con <- file("/proc/self/fd/4", "wb", raw = TRUE)
  writeBin(charToRaw("this is no frame"), con)
  close(con)
}

# Facts about this worker, if all workers are asked within a second: then each answers once.
planted <- list()
do_facts <- function(nonce, event, context) {
  if (nzchar(Sys.getenv("SOAK_PLANT"))) {
    planted <<- c(planted, list(runif(1e5), textConnection("planted")))
  }
  file.create(file.path(event$dir, Sys.getpid()))
  begun <- proc.time()[[3L]]
  while (length(list.files(event$dir)) < event$workers) {
    if (proc.time()[[3L]] - begun > 1) {
      return(list(pid = 0))
    }
    Sys.sleep(0.001)
  }
  list(
    pid = Sys.getpid(),
    loader = loader,
    heap_mb = sum(gc()[, 2L]),
    connections = nrow(showConnections(all = TRUE)),
    objects = length(ls(globalenv(), all.names = TRUE)) + length(search())
  )
}
