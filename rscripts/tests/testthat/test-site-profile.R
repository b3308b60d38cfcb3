# The profile is not part of a worker, so its file is read here.
profile <- function() {
  env <- new.env(parent = baseenv())
  sys.source(file.path("../..", "web", "site-profile.R"), env)
  env
}

a_server <- function(port = 25000L, stack = tempfile(), restored = tempfile()) {
  list2env(list(port = port, stack = stack, restored = restored, talks = FALSE))
}

a_namespace <- function(...) {
  env <- list2env(list(...))
  for (name in names(env)) lockBinding(name, env)
  env
}

test_that("the first server gets the worker's port, and others what they ask for", {
  opened <- list()
  make <- function(host, port, ...) {
    opened[[length(opened) + 1L]] <<- list(host, port, ...)
    if (length(opened) == 1L) NULL else length(opened)
  }
  on_port <- profile()$on_port(make, a_server())
  expect_equal(on_port("0.0.0.0", 8000L, "app"), 2L) # the port was taken: as the script wants it
  expect_equal(opened, list(list("127.0.0.1", 25000L, "app"), list("0.0.0.0", 8000L, "app")))
  expect_equal(on_port("0.0.0.0", 8000L), 3L)
  expect_equal(opened[[3L]], list("127.0.0.1", 25000L))
  expect_equal(on_port("::", 8001L), 4L)
  expect_equal(opened[[4L]], list("::", 8001L))
})

test_that("an interrupt leaves the calls of the app", {
  file <- tempfile()
  on.exit(unlink(file))
  rook_call <- function(func, req) {
    compute <- function() func(req)
    tryCatch(compute(), error = identity)
  }
  call <- profile()$watched(rook_call, a_server(stack = file))
  expect_equal(call(function(req) req + 1, 1), 2)
  expect_false(file.exists(file))
  stuck <- function(x) signalCondition(structure(class = c("interrupt", "condition"), list(message = "", call = NULL)))
  call(function(req) stuck("a\tb"), 1)
  lines <- strsplit(readLines(file), "\t", fixed = TRUE)
  calls <- vapply(lines, `[[`, character(1), 1L)
  expect_equal(calls[1:2], c("func(req)", "stuck(\"a\\tb\")"))
  expect_false(any(grepl("tryCatch|compute", calls)))
})

test_that("another version of httpuv is left as it is", {
  other <- a_namespace(makeTcpServer = function(address) 1, rookCall = function(request) 2)
  profile()$hook_httpuv(other, a_server())
  expect_equal(names(formals(other$makeTcpServer)), "address")
  expect_equal(names(formals(other$rookCall)), "request")
  known <- a_namespace(makeTcpServer = function(host, port, x) port, rookCall = function(func, req) func(req))
  profile()$hook_httpuv(known, a_server())
  expect_equal(known$makeTcpServer("0.0.0.0", 1L, NULL), 25000L)
  expect_equal(known$rookCall(function(req) req, 3), 3)
  expect_true(bindingIsLocked("rookCall", known))
})

test_that("Shiny is refused, with what to use instead", {
  shiny <- a_namespace(runApp = function(...) NULL)
  profile()$refuse_shiny(shiny)
  expect_error(shiny$runApp("app"), "Shiny needs a websocket.*Posit Connect.*plumber")
})

test_that("a restored copy is renewed, once", {
  file <- tempfile()
  on.exit(unlink(file))
  web <- profile()
  web$worker_runtime <- function() runtime
  old <- tempdir()
  call <- web$watched(function(func, req) func(req), a_server(restored = file))
  draw <- function(req) {
    set.seed(1)
    call(function(req) stats::runif(1), 1)
  }
  before <- draw()
  expect_equal(draw(), before)
  file.create(file)
  expect_false(identical(draw(), before))
  expect_false(identical(tempdir(), old))
  expect_equal(draw(), before)
})

test_that("without bootstrap's file, a server listens, and a restore renews nothing", {
  web <- profile()
  expect_null(web$worker_runtime())
  expect_null(web$renew_copy())
  server <- a_server()
  server$talks <- TRUE
  web$talk(server)
  expect_false(server$talks)
  expect_equal(server$port, 25000L)
})

test_that("a forked server has its own port and files", {
  withr::local_envvar(PORT = "25001", TMPDIR = "/tmp/other")
  withr::local_options(plumber.port = 1L, plumber2.port = 1L, ambiorix.port.force = 1L, shiny.port = 1L)
  web <- profile()
  web$worker_runtime <- function() list(await_listen = function() TRUE)
  server <- a_server()
  server$talks <- TRUE
  web$talk(server)
  expect_equal(server$port, 25001L)
  expect_equal(server$stack, "/tmp/other/stack")
  expect_equal(getOption("plumber.port"), 25001L)
})

test_that("the user's site profile is read, and other R processes get their own", {
  old <- Sys.getenv("R_PROFILE", NA)
  on.exit(if (is.na(old)) Sys.unsetenv("R_PROFILE") else Sys.setenv(R_PROFILE = old))
  file <- tempfile()
  on.exit(unlink(file), add = TRUE)
  writeLines("options(site_profile_read = 'yes')", file)
  on.exit(options(site_profile_read = NULL), add = TRUE)
  profile()$restore_site_profile(file)
  expect_equal(getOption("site_profile_read"), "yes")
  expect_equal(Sys.getenv("R_PROFILE"), file)
  profile()$restore_site_profile("")
  expect_equal(Sys.getenv("R_PROFILE"), "")
})
