local_edition(3)

# fork_in_new_r() runs a template in an R of its own. It forks one worker, which reads `hello` and one
# invocation of `handler`, whose text is R code. `before` is R code for the template. It returns the
# messages that the template and the worker have sent, and what both have printed.
fork_in_new_r <- function(handler, before = character()) {
  dir <- withr::local_tempdir()
  path <- function(...) file.path(dir, ...)
  temp_dir <- path("temp")
  dir.create(temp_dir)
  pipes <- c("requests", "replies", "stdout", "stderr")
  system2("mkfifo", path(pipes))
  file.symlink(path(pipes), path(paste0(pipes, "-link"))) # as bootstrap's descriptors in /proc are
  links <- as.list(structure(path(paste0(pipes, "-link")), names = pipes))
  frame <- function(...) runtime$control_frame(...)
  fork <- c(
    list(type = "fork"), links,
    list(temp_dir = temp_dir, env = list(FORK_TEST = "set"), threads = list(OMP_NUM_THREADS = "2"))
  )
  writeBin(c(frame(type = "template"), do.call(frame, fork)), path("template"))
  writeBin(c(
    frame(type = "hello", handler = "f", log_tag = "TAG", log_level = "info"),
    frame(type = "invoke", id = "1"), runtime$frame_bytes(charToRaw("{\"x\":1}")), frame(type = "shutdown")
  ), path("input"))
  quoted <- function(...) shQuote(path(...))
  # Opening a pipe waits for its other end.
  for (pipe in pipes[3:4]) {
    system(paste("cat", quoted(pipe), ">", quoted(paste0(pipe, "-read")), "&"))
  }
  bootstrap <- paste("exec 9>", quoted("requests"), "; cat", quoted("input"), ">&9; cat", quoted("replies"), ">", quoted("replies-read"))
  printed <- in_new_r(
    "{", # which R reads as a whole: the worker has no script to read on
    before,
    paste0("handler <- runtime$new_handler(", handler, ", \"f\")"),
    "runtime$forking$loaded <- list(handler = handler, init_ms = 1, slowest = list())",
    "runtime$forking$ready <- runtime$announcement(runtime$forking$loaded)",
    paste0("dir <- ", deparse(dir)),
    "io <- runtime$open_io(file.path(dir, \"template\"), file.path(dir, \"answers\"))",
    "runtime$open_log(io, list(log_tag = \"TAG\", log_level = \"info\"))",
    "fork <- runtime$serve(handler, io)",
    "if (!is.null(fork)) {",
    "  io <- runtime$become_worker(fork, io)",
    "  if (!is.null(io)) runtime$serve(handler, io)",
    "  tools::pskill(Sys.getpid(), 9L)",
    "}",
    paste0("system(", paste(deparse(bootstrap, width.cutoff = 500L), collapse = ""), ")"), # until the worker has ended
    "}"
  )
  messages <- function(path) {
    con <- file(path, "rb", raw = TRUE)
    on.exit(close(con))
    frames <- list()
    while (!is.null(frame <- runtime$read_frame(con))) {
      frames[[length(frames) + 1L]] <- jsonlite::parse_json(rawToChar(frame))
    }
    frames
  }
  list(
    template = messages(path("answers")), worker = messages(path("replies-read")), printed = printed,
    stdout = readLines(path("stdout-read")), stderr = readLines(path("stderr-read")), temp_dir = temp_dir
  )
}

test_that("a forked worker has pipes, a TMPDIR and variables of its own", {
  got <- fork_in_new_r(
    "function(x) {
      cat(\"printed\\n\")
      message(\"logged\")
      list(pid = Sys.getpid(), temp = dirname(tempdir()), env = Sys.getenv(c(\"TMPDIR\", \"FORK_TEST\")), files = dir(made))
    }",
    before = c("made <- tempdir()", "writeLines(\"kept\", file.path(made, \"kept\"))")
  )
  expect_identical(lapply(got$template, `[[`, "type"), list("entered", "forked"))
  expect_identical(lapply(got$worker[1:3], `[[`, "type"), list("born", "ready", "result"))
  result <- got$worker[[4L]]
  expect_identical(result$pid, got$worker[[1L]]$pid)
  expect_identical(result$temp, got$temp_dir)
  expect_identical(result$env, list(got$temp_dir, "set"))
  expect_true("kept" %in% unlist(result$files))
  expect_identical(got$stdout[[1L]], "printed")
  expect_match(got$stderr, "^TAG[0-9]+ 1 .*\"message\":\"logged", all = FALSE)
  expect_false(any(grepl("printed|logged", got$printed)))
})

test_that("the hooks of on_fork() run in their order, and a failure is an init error", {
  hooks <- "runtime$settings$fork_hooks <- list(function() cat(\"one\\n\"), function() stop(\"no database\"), function() cat(\"three\\n\"))"
  got <- fork_in_new_r("function(x) x", before = hooks)
  expect_identical(got$stdout, "one")
  last <- got$worker[[length(got$worker)]]
  expect_identical(last$type, "init_error")
  expect_identical(last$error$type, "Runtime.InitError")
  expect_match(last$error$message, "^an on_fork\\(\\) hook failed: simpleError: .*no database$")
})

test_that("two workers of one template draw different numbers", {
  draws <- vapply(1:2, function(i) {
    got <- fork_in_new_r("function(x) list(runif(1), basename(tempfile(tmpdir = \"/x\")))", before = "set.seed(1); invisible(tempfile())")
    paste(unlist(got$worker[[4L]]), collapse = " ")
  }, character(1))
  expect_false(draws[[1L]] == draws[[2L]])
})

test_that("pipes that cannot be opened end the process, with the reason on the reply pipe", {
  reply <- withr::local_tempfile()
  file.create(reply)
  printed <- in_new_r(
    paste0("reply <- ", deparse(reply)),
    "fork <- getNamespace(\"parallel\")$C_mc_fork",
    "if (.Call(fork, TRUE)[[1]] == 0L) {",
    "  runtime$or_die(list(replies = reply), stop(\"no pipes\"))",
    "  cat(\"survived\\n\")",
    "}",
    "while (file.size(reply) == 0) Sys.sleep(0.01)"
  )
  expect_length(printed, 0L)
  sent <- readBin(reply, "raw", file.size(reply))
  expect_match(rawToChar(sent[-(1:4)]), "\"type\":\"error\".*\"message\":\"no pipes\"")
})
