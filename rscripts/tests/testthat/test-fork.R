local_edition(3)

messages <- function(frames) lapply(frames, function(bytes) jsonlite::parse_json(rawToChar(bytes)))

# keep_forking() restores what forks need at the end of the test.
keep_forking <- function(env = parent.frame()) {
  before <- as.list(runtime$forking)
  withr::defer(
    {
      rm(list = ls(runtime$forking), envir = runtime$forking)
      list2env(before, runtime$forking)
    },
    envir = env
  )
}

test_that("the entry points of parallel are what they were from R 4.0 on", {
  routines <- runtime$fork_routines()
  expect_named(routines, c("fork", "exit", "close"))
  expect_identical(routines$fork$name, "mc_fork")
})

test_that("an R whose package parallel has other entry points refuses to fork", {
  io <- file_io()
  keep_forking()
  withr::defer(rm(getNamespace, envir = runtime))
  for (parallel in list(list(), list(C_mc_fork = runtime$fork_routines()$fork, C_mc_exit = "mc_exit"))) {
    runtime$getNamespace <- function(name) list2env(parallel, parent = emptyenv())
    runtime$prepare_service(list(type = "template"), NULL, io)
  }
  sent <- messages(replies(io))
  expect_identical(lapply(sent, `[[`, "type"), list("error", "error"))
  expect_identical(sent[[1L]]$error$message, "the package parallel of this R has no C_mc_fork with one argument")
  expect_match(sent[[2L]]$error$message, "no C_mc_exit with one argument")
})

test_that("a fork that fails is answered, and the C library is no longer listed", {
  io <- file_io()
  keep_forking()
  runtime$keep_c_library()
  runtime$forking$routines <- list(fork = "no such routine")
  expect_false(runtime$fork_worker(list(), io))
  sent <- messages(replies(io))
  expect_identical(sent[[1L]]$error$type, "Runtime.ForkFailed")
  expect_null(runtime$forking$symbols)
})

test_that("leave_temp_dir() leaves the files of the handler's file, and no directory for forked processes", {
  printed <- in_new_r(
    "made <- tempfile()",
    "writeLines('kept', made)",
    "runtime$leave_temp_dir()",
    "cat(readLines(made), dir.exists(tempdir()), tempdir() != dirname(made), '\\n')",
    "runtime$leave_temp_dir()", # even if it is gone already
    "cat(dir.exists(tempdir()), '\\n')",
    "unlink(dirname(made), recursive = TRUE)"
  )
  expect_identical(trimws(printed), c("kept FALSE TRUE", "FALSE"))
})

test_that("R lists the C library only while it forks", {
  keep_forking()
  listed <- function() runtime$c_library() %in% vapply(getLoadedDLLs(), function(dll) dll[["path"]], "")
  runtime$keep_c_library()
  expect_true(listed())
  withr::local_envvar(FORK_TEST = "yes")
  runtime$call_c("rand")
  runtime$release_libraries()
  runtime$release_libraries()
  expect_false(listed())
})

test_that("return_memory() returns what R has freed, and does nothing with a C library that cannot", {
  printed <- in_new_r(
    "resident <- function() as.numeric(strsplit(readLines('/proc/self/statm'), ' ')[[1]][[2]]) * 4 / 1024", # MB
    "freed <- lapply(1:50000, function(i) numeric(100))", # 40 MB on the heap
    "kept <- numeric(100)", # so that its end is in use
    "rm(freed)",
    "invisible(gc())",
    "before <- resident()",
    "runtime$forking$c_library <- runtime$c_library()",
    "runtime$return_memory()",
    "cat(before - resident() > 20, sum(kept), '\\n')",
    "runtime$forking$c_library <- 'no library'",
    "runtime$return_memory()",
    "cat('done\\n')"
  )
  musl <- grepl("musl", runtime$c_library())
  expect_identical(trimws(printed), c(if (musl) "FALSE 0" else "TRUE 0", "done"))
})

test_that("warm_up() calls nothing of the user's", {
  io <- file_io()
  keep_settings()
  called <- FALSE
  runtime$warm_up(io)
  runtime$settings$deserialiser <- function(text) called <<- TRUE
  runtime$settings$serialiser <- function(value) called <<- TRUE
  runtime$warm_up(io)
  expect_false(called)
  expect_length(replies(io), 0L)
})

test_that("prepare_service() answers with what forked processes would share", {
  in_user_dir()
  connection <- structure(list(), class = "DBIConnection")
  assign("connection", connection, globalenv())
  io <- file_io()
  handler <- runtime$new_handler(function() 1, "f")
  runtime$prepare_service(list(type = "check"), handler, io)
  sent <- messages(replies(io))[[1L]]
  expect_identical(sent$type, "entered")
  expect_match(sent$findings[[1L]]$what, "^connection, a connection of class DBIConnection")
})
