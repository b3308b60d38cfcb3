# The site profile of a web server: it puts servers of the httpuv package on the worker's port, and
# writes down where R is when it is interrupted. It runs in the server's own R, before the user's
# profile, and leaves nothing in the user's environments.

# begin_web_server() prepares this R. Variables of the environment say what for: PORT is the worker's
# port, LAMBDA_R_SITE_PROFILE the R_PROFILE that the user has set, and LAMBDA_R_SERVER_TALKS is set if this
# R is to take part in bootstrap's handshake before it listens.
begin_web_server <- function() {
  site <- Sys.getenv("LAMBDA_R_SITE_PROFILE")
  server <- new.env(parent = emptyenv())
  server$talks <- nzchar(Sys.getenv("LAMBDA_R_SERVER_TALKS"))
  Sys.unsetenv(c("LAMBDA_R_SITE_PROFILE", "LAMBDA_R_SERVER_TALKS"))
  restore_site_profile(site)
  take_port(server)
  options(
    warn = 1L, # otherwise R prints warnings during the next request
    keep.source = TRUE
  )
  setHook(packageEvent("httpuv", "onLoad"), function(...) hook_httpuv(asNamespace("httpuv"), server))
  setHook(packageEvent("shiny", "onLoad"), function(...) refuse_shiny(asNamespace("shiny")))
}

# take_port() reads what differs between the processes of one script: their port and their TMPDIR. In
# there, the file `stack` is for the stack of an interrupt, and `restored` exists after the restore of a
# snapshot.
take_port <- function(server) {
  server$port <- as.integer(Sys.getenv("PORT"))
  server$stack <- file.path(Sys.getenv("TMPDIR"), "stack")
  server$restored <- file.path(Sys.getenv("TMPDIR"), "restored")
  options(
    plumber.port = server$port, plumber2.port = server$port, ambiorix.port.force = server$port,
    shiny.port = server$port
  )
}

# restore_site_profile() reads the site profile that R would have read, and gives R processes that this
# one starts their own again.
restore_site_profile <- function(site) {
  if (nzchar(site)) {
    Sys.setenv(R_PROFILE = site)
  } else {
    Sys.unsetenv("R_PROFILE")
    candidates <- file.path(R.home("etc"), c(.Platform$r_arch, ""), "Rprofile.site")
    site <- c(candidates[file.exists(candidates)], "")[[1L]]
  }
  if (file.exists(site)) {
    sys.source(site, baseenv())
  }
}

# hook_httpuv() wraps two functions of httpuv. A version in which they differ is left as it is.
hook_httpuv <- function(namespace, server) {
  if (has_arguments(namespace, "makeTcpServer", c("host", "port"))) {
    replace_function(namespace, "makeTcpServer", on_port(namespace$makeTcpServer, server))
  }
  if (has_arguments(namespace, "rookCall", "func")) {
    replace_function(namespace, "rookCall", watched(namespace$rookCall, server))
  }
}

has_arguments <- function(namespace, name, arguments) {
  f <- get0(name, namespace, mode = "function", inherits = FALSE)
  is.function(f) && identical(utils::head(names(formals(f)), length(arguments)), arguments)
}

replace_function <- function(namespace, name, value) {
  locked <- bindingIsLocked(name, namespace)
  if (locked) unlockBinding(name, namespace)
  assign(name, value, envir = namespace)
  if (locked) lockBinding(name, namespace)
}

# on_port() returns a makeTcpServer() that opens the worker's port. While another server has it, a server
# gets the port that it asks for.
on_port <- function(make, server) {
  force(make)
  ours <- NULL
  function(host, port, ...) {
    if (is.null(ours)) {
      talk(server)
      ours <<- make("127.0.0.1", server$port, ...)
      if (!is.null(ours)) {
        return(ours)
      }
    }
    make(host, port, ...)
  }
}

# talk() takes part in bootstrap's handshake, once: see fork/listen.R. It may return in a forked process.
talk <- function(server) {
  if (!server$talks) {
    return(invisible())
  }
  server$talks <- FALSE
  runtime <- worker_runtime()
  if (!is.null(runtime) && runtime$await_listen()) {
    take_port(server)
  }
}

# worker_runtime() returns an environment with the R files of a worker, NULL if a program that has started
# this R has closed bootstrap's file.
worker_runtime <- function() {
  path <- "/proc/self/fd/6"
  if (isTRUE(startsWith(Sys.readlink(path), "/memfd:lambda-r-runtime.R"))) {
    runtime <- new.env(parent = baseenv())
    eval(parse(text = rawToChar(readBin(path, "raw", file.size(path))), keep.source = FALSE), runtime)
    runtime
  }
}

# watched() returns a rookCall() that writes the stack of an interrupt to a file.
watched <- function(call, server) {
  force(call)
  pending <- TRUE
  function(func, ...) {
    if (pending && file.exists(server$restored)) {
      pending <<- FALSE
      renew_copy()
    }
    withCallingHandlers(
      call(func, ...),
      interrupt = function(e) write_stack(sys.calls(), server$stack)
    )
  }
}

# renew_copy() renews what this R would share with other copies of a snapshot: see snapshot/renew.R.
renew_copy <- function() {
  runtime <- worker_runtime()
  if (!is.null(runtime)) {
    runtime$current$log <- function(level, message, ...) base::message(message)
    runtime$renew()
  }
}

# write_stack() writes the calls of the app, one a line: the call, its file and its line, between
# tabulators. The line that was interrupted says more than where its function was called. `calls` are
# those of the handler of the interrupt.
write_stack <- function(calls, path) {
  where <- attr(calls[[length(calls)]], "srcref")
  calls <- calls[-length(calls)]
  served <- which(vapply(calls, is_call_of, logical(1), "compute")) # httpuv's, which calls the app
  if (length(served)) {
    calls <- calls[-seq_len(served[[1L]])]
  }
  calls <- calls[!vapply(calls, is_call_of, logical(1), c("tryCatchList", "tryCatchOne", "doTryCatch"))]
  if (length(calls) && !is.null(where)) {
    attr(calls[[length(calls)]], "srcref") <- where
  }
  lines <- vapply(calls, stack_line, character(1))
  writeLines(enc2utf8(lines), path, useBytes = TRUE)
}

is_call_of <- function(call, names) is.name(call[[1L]]) && as.character(call[[1L]]) %in% names

stack_line <- function(call) {
  text <- tryCatch(
    paste(deparse(as.call(as.list(call)), width.cutoff = 200L, nlines = 3L), collapse = " "),
    error = function(e) "<call>"
  )
  where <- attr(call, "srcref")
  file <- if (is.null(where)) "" else srcfile_name(where)
  line <- if (nzchar(file)) as.character(where[[1L]]) else ""
  gsub("[\n\r]", " ", paste(substr(gsub("[ \t\n]+", " ", text), 1L, 400L), gsub("\t", " ", file), line, sep = "\t"))
}

srcfile_name <- function(where) {
  file <- attr(where, "srcfile")
  if (is.environment(file) && is.character(file$filename)) file$filename[[1L]] else ""
}

# refuse_shiny() makes runApp() fail: without a websocket, a Shiny app shows its page and no output.
refuse_shiny <- function(namespace) {
  replace_function(namespace, "runApp", function(...) {
    stop(
      "Shiny needs a websocket, which Lambda does not pass to a function. Run the app where it keeps a connection: ",
      "Shiny Server, Posit Connect, or a container on ECS or App Runner. To serve its computations here, make them an API ",
      "with plumber, or export a static app with shinylive",
      call. = FALSE
    )
  })
}
