local_edition(3)

# enter() goes through a phase and returns the reply, parsed. Its log records are the attribute "log".
enter <- function(type, ..., handler = function(event) 1) {
  io <- file_io()
  withr::defer(runtime$current$log <- NULL)
  suspendInterrupts(runtime$enter_phase(list(type = type, ...), runtime$new_handler(handler, "handler"), io))
  sent <- replies(io)
  expect_length(sent, 1L)
  structure(jsonlite::parse_json(rawToChar(sent[[1L]])), log = log_records(io))
}

# without_renewal() keeps a test from renewing this R, whose tempdir() testthat uses.
without_renewal <- function(renew = function() NULL, env = parent.frame()) {
  own <- runtime$renew
  runtime$renew <- renew
  withr::defer(runtime$renew <- own, envir = env)
}

test_that("a priming that succeeds is answered with entered, one that fails with an error", {
  keep_settings()
  runtime$lambda_config(prime = list(n = 1L))
  got <- enter("prime", handler = function(n) message("n is ", n))
  expect_identical(got$type, "entered")
  expect_identical(attr(got, "log"), list(list(id = NULL, level = "info", message = "n is 1")))

  got <- enter("prime", handler = function(n) stop("no model"))
  expect_identical(names(got), c("type", "error"))
  expect_identical(got$type, "error")
  expect_identical(got$error$type, "simpleError")
  expect_identical(got$error$message, "no model")
  expect_null(runtime$current$invocation)
})

test_that("priming returns the handler compiled", {
  keep_settings()
  level <- runtime$jit$user_level
  withr::defer(runtime$jit$user_level <- level)
  runtime$lambda_config(prime = list(n = 1L))
  runtime$jit$user_level <- 3L # as in a worker, where user code runs within call_user()
  handler <- runtime$new_handler(function(n) n + 1, "handler")
  handler <- suspendInterrupts(runtime$enter_phase(list(type = "prime"), handler, file_io()))
  withr::defer(runtime$current$log <- NULL)
  expect_identical(typeof(.Internal(bodyCode(handler$fn))), "bytecode")
})

test_that("the snapshot runs hooks and returns what is fragile", {
  keep_settings()
  in_user_dir()
  assign("started", Sys.time(), globalenv())
  runtime$on_snapshot(function() cat("closing\n"))
  got <- enter("snapshot")
  expect_identical(got$type, "entered")
  expect_identical(Filter(function(found) found$kind == "time", got$findings), list(list(
    kind = "time", what = "started, a time read during the init", fix = "read it in on_restore() or in the handler"
  )))
  expect_null(got$draws)
})

test_that("what a hook of on_snapshot() closes is not found, nor what nothing refers to", {
  keep_settings()
  in_user_dir()
  assign("started", Sys.time(), globalenv())
  closed <- FALSE
  local(reg.finalizer(environment(), function(e) closed <<- TRUE))
  runtime$on_snapshot(function() rm("started", envir = globalenv()))
  got <- enter("snapshot")
  expect_false("time" %in% vapply(got$findings, `[[`, "", "kind"))
  expect_true(closed)
})

test_that("a search for what is fragile that fails is a warning", {
  keep_settings()
  own <- runtime$find_fragile
  runtime$find_fragile <- function(handler) stop("odd object")
  withr::defer(runtime$find_fragile <- own)
  got <- enter("snapshot")
  expect_identical(got, structure(list(type = "entered", findings = list()), log = list(
    list(id = NULL, level = "warn", message = "the search for what a restore breaks failed: odd object")
  )))
})

test_that("a restore sets variables, renews, runs hooks and draws, in this order", {
  keep_settings()
  steps <- character()
  step <- function(name) steps <<- c(steps, paste(name, Sys.getenv("AWS_SESSION_TOKEN")))
  without_renewal(function() step("renew"))
  withr::local_envvar(AWS_SESSION_TOKEN = "old")
  withr::local_preserve_seed()
  runtime$on_restore(function() step("first hook"))
  runtime$on_restore(function() step("second hook"))
  got <- enter("restore", env = list(AWS_SESSION_TOKEN = "new"), probe = TRUE)
  expect_identical(steps, c("renew new", "first hook new", "second hook new"))
  expect_identical(got$type, "entered")
  expect_identical(as.numeric(got$draws$runif), runif(1))
  expect_null(enter("restore")$draws)
})

test_that("a restore that cannot renew fails, and no hook runs", {
  keep_settings()
  without_renewal(function() stop("no entropy"))
  runtime$on_restore(function() stop("a hook ran"))
  got <- enter("restore")
  expect_identical(got$type, "error")
  expect_identical(got$error$message, "random generators cannot be renewed: no entropy")
})

test_that("hooks and primings leave no device open", {
  keep_settings()
  without_renewal()
  runtime$on_restore(function() grDevices::pdf(NULL))
  expect_identical(enter("restore")$type, "entered")
  expect_null(grDevices::dev.list())
  runtime$lambda_config(prime = function() grDevices::pdf(NULL))
  expect_identical(enter("prime")$type, "entered")
  expect_null(grDevices::dev.list())
})
