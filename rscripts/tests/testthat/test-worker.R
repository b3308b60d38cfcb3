local_edition(3)

log_nothing <- function(level, message, call = NULL, fields = list()) NULL

load <- function(name, log = log_nothing, env = parent.frame()) {
  keep_sinks(env)
  withr::defer(
    {
      runtime$current$log <- NULL
      rm(list = ls(runtime$initial), envir = runtime$initial)
    },
    envir = env
  )
  runtime$load_or_fail(name, log)
}

messages <- function(frames) {
  lapply(frames, function(bytes) jsonlite::parse_json(rawToChar(bytes)))
}

test_that("a handler is loaded without pipes", {
  source_code("f <- function(x, y = 2) x")
  logged <- character()
  loaded <- load("functions.f", function(level, message, ...) logged <<- c(logged, message))
  expect_null(loaded$failure)
  expect_identical(loaded$handler$fn(3), 3)
  expect_identical(loaded$handler[c("name", "kind")], list(name = "f", kind = "function"))
  expect_identical(loaded$handler$arguments$required, "x")
  expect_gte(loaded$init_ms, 0)
  expect_null(runtime$current$loading)
})

test_that("messages of the handler's file go to the log while it is loaded", {
  in_user_dir()
  writeLines(c("message(\"reading\")", "f <- function() 1"), "functions.R")
  logged <- character()
  load("functions.f", function(level, message, ...) logged <<- c(logged, paste(level, message)))
  expect_identical(logged, "info reading")
})

test_that("a handler that cannot be loaded is a failure", {
  in_user_dir()
  loaded <- load("functions.f")
  expect_null(loaded$handler)
  expect_identical(loaded$failure$type, "Runtime.HandlerNotFound")
  writeLines("f <- function(event, n) 1", "functions.R")
  expect_identical(load("functions.f")$failure$type, "Runtime.InvalidArguments")
  withr::local_envvar(LAMBDA_R_EVENT = "nothing")
  expect_identical(load("functions.f")$failure$type, "Runtime.InvalidConfiguration")
})

test_that("announce() sends ready or init_error", {
  source_code("f <- function(x) x")
  io <- file_io()
  runtime$announce(load("functions.f"), io)
  runtime$announce(load("functions.g"), io)
  sent <- messages(replies(io))
  expect_identical(sent[[1L]]$type, "ready")
  expect_identical(sent[[1L]]$required, list("x"))
  expect_identical(sent[[1L]]$r_version, as.character(getRversion()))
  expect_true(is.numeric(sent[[1L]]$init_ms))
  expect_identical(sent[[2L]]$type, "init_error")
  expect_identical(sent[[2L]]$error$type, "Runtime.NoSuchHandler")
})

test_that("ready says whether the handler is to be primed", {
  keep_settings()
  source_code("f <- function(x) x")
  io <- file_io()
  runtime$announce(load("functions.f"), io)
  runtime$lambda_config(prime = list(x = 1L))
  runtime$announce(load("functions.f"), io)
  runtime$lambda_config(prime_on_error = "continue")
  runtime$announce(load("functions.f"), io)
  expect_identical(vapply(messages(replies(io)), `[[`, "", "prime"), c("", "stop", "continue"))
})

test_that("a forked child serves a handler that this process loaded, on its own pipes", {
  source_code("f <- function(x) x + base", name = "functions.R")
  writeLines(c("base <- 40", "f <- function(x) x + base"), "functions.R")
  loaded <- load("functions.f")
  requests <- c(
    runtime$control_frame(type = "invoke", id = "1"), runtime$frame_bytes(charToRaw("{\"x\":2}")),
    runtime$control_frame(type = "shutdown")
  )
  paths <- normalizePath(c(tempfile(), tempfile()), mustWork = FALSE)
  withr::defer(unlink(paths))
  writeBin(requests, paths[[1L]])
  job <- parallel::mcparallel({
    io <- runtime$open_io(paths[[1L]], paths[[2L]])
    runtime$announce(loaded, io)
    suspendInterrupts(runtime$serve(loaded$handler, io))
    "served"
  })
  expect_identical(parallel::mccollect(job)[[1L]], "served")
  sent <- replies(list(reply_path = paths[[2L]]))
  control <- messages(sent[1:2])
  expect_identical(vapply(control, function(frame) frame$type, character(1)), c("ready", "result"))
  expect_identical(control[[2L]]$id, "1")
  expect_identical(rawToChar(sent[[3L]]), "42")
})

test_that("without jsonlite R stops with the fix", {
  expect_silent(runtime$require_jsonlite())
  printed <- in_new_r(
    "runtime$loadNamespace <- function(package) stop('there is no package called ', package)",
    "tryCatch(runtime$require_jsonlite(), error = function(e) cat(conditionMessage(e)))"
  )
  expect_match(paste(printed, collapse = "\n"), "cannot be loaded: there is no package called jsonlite. Install it .*r-cran-jsonlite.*libraries: /")
})
