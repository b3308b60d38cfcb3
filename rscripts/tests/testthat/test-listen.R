local_edition(3)

# listen_with() runs await_listen() on frames, and returns what it returned and the messages it has sent.
listen_with <- function(...) {
  dir <- withr::local_tempdir()
  requests <- file.path(dir, "requests")
  replies <- file.path(dir, "replies")
  hello <- runtime$control_frame(type = "hello", handler = "Rscript app.R", log_tag = "TAG", log_level = "info")
  writeBin(c(hello, ...), requests)
  forked <- runtime$await_listen(requests, replies)
  con <- file(replies, "rb", raw = TRUE)
  on.exit(close(con))
  messages <- list()
  while (!is.null(frame <- runtime$read_frame(con))) {
    messages[[length(messages) + 1L]] <- jsonlite::parse_json(rawToChar(frame))
  }
  list(forked = forked, messages = messages)
}

frame <- function(type, ...) runtime$control_frame(type = type, ...)

test_that("a server that is not forked goes on to listen", {
  connections <- nrow(showConnections())
  got <- listen_with(frame("listen"))
  expect_false(got$forked)
  expect_equal(got$messages, list(list(type = "ready", r_version = as.character(getRversion()))))
  expect_equal(nrow(showConnections()), connections)
})

test_that("connections of the script are found: in functions that run, and in plumber's files", {
  kinds <- function(got) vapply(got$messages[[2L]]$findings, `[[`, character(1), "what")
  script <- function(missing) {
    con <- structure(list(), class = "DBIConnection", dbname = "orders")
    listen_with(frame("check"), frame("listen"))
  }
  expect_match(kinds(script()), "^con, a connection of class DBIConnection", all = FALSE)

  self <- new.env()
  private <- list2env(list(envir = list2env(list(db = structure(list(), class = "DBIConnection", dbname = "orders")))))
  run <- function() listen_with(frame("check"), frame("listen"))
  environment(run) <- list2env(list(self = self, private = private), parent = environment(run))
  expect_match(kinds(run()), "db, a connection of class DBIConnection", all = FALSE)
})

test_that("an R that cannot fork says so, and goes on", {
  own <- runtime$fork_routines
  runtime$fork_routines <- function() stop("no fork")
  withr::defer(runtime$fork_routines <- own)
  got <- listen_with(frame("template"), frame("listen"))
  expect_false(got$forked)
  expect_equal(got$messages[[2L]]$error$message, "no fork")
})

test_that("code that has established handlers can listen", {
  got <- withCallingHandlers(
    tryCatch(listen_with(frame("check"), frame("listen")), error = identity),
    warning = function(w) NULL
  )
  expect_equal(got$messages[[2L]]$type, "entered")
})
