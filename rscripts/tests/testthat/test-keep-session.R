local_edition(3)

local_globals <- function(..., env = parent.frame()) {
  list2env(list(...), globalenv())
  withr::defer(rm(list = intersect(names(list(...)), ls(globalenv(), all.names = TRUE)), envir = globalenv()), envir = env)
}

test_that("global objects are hidden from a handler's file and come back, and its own go", {
  local_desk()
  local_globals(threshold = 5, f = "mine", .hidden = 1)
  lockBinding("threshold", globalenv())
  withr::defer(unlockBinding("threshold", globalenv()))
  makeActiveBinding("active", function() "still", globalenv())
  withr::defer(rm("active", envir = globalenv()))
  got <- invoke(c(
    "helper <- function() ls(globalenv(), all.names = TRUE)",
    "f <- function() { later <<- 1; setdiff(helper(), '.Random.seed') }"
  ))
  expect_setequal(got, c("active", "f", "helper", "later"))
  expect_identical(get("threshold", globalenv()), 5)
  expect_true(bindingIsLocked("threshold", globalenv()))
  expect_identical(get("f", globalenv()), "mine")
  expect_identical(get(".hidden", globalenv()), 1)
  expect_false(exists("helper", globalenv(), inherits = FALSE))
  expect_false(exists("later", globalenv(), inherits = FALSE))
})

test_that("a function as the handler keeps its session", {
  local_desk()
  local_globals(threshold = 5)
  expect_identical(desk$invoke_handler(function() get("threshold", globalenv())), 5L)
})

test_that("a file that is sourced sees the file that sources it", {
  local_desk()
  writeLines("scaled <- function(x) x * factor", "helper.R")
  expect_identical(invoke(c("factor <- 3L", "source('helper.R')", "f <- function(x) scaled(x)"), list(x = 2L)), 6L)
})

test_that("options, the working directory, sinks and devices are as before", {
  local_desk()
  dir.create("sub")
  wd <- getwd()
  before <- options()
  devices <- grDevices::dev.list()
  sinks <- c(sink.number(), sink.number(type = "message"))
  code <- c(
    "options(digits = 3, mine = TRUE)",
    "f <- function(fail = FALSE) {",
    "  setwd('sub')",
    "  sink(tempfile())",
    "  sink(file(tempfile(), 'w'), type = 'message')",
    "  grDevices::pdf(NULL)",
    "  plot(1)",
    "  options(warn = 2)",
    "  if (fail) stop('no')",
    "  basename(getwd())",
    "}"
  )
  check <- function() {
    expect_identical(getwd(), wd)
    expect_identical(options()[names(before)], before)
    expect_identical(grDevices::dev.list(), devices)
    expect_identical(c(sink.number(), sink.number(type = "message")), sinks)
  }
  expect_identical(invoke(code), "sub")
  check()
  expect_error(invoke(code, list(fail = TRUE)), "^no$")
  check()
  expect_error(invoke(c("setwd('sub')", "sink(tempfile())", "stop('while loading')")), "while loading")
  check()
})

test_that("a plot without a device leaves no file", {
  local_desk()
  invoke("f <- function() { plot(1); NULL }")
  expect_false(file.exists("Rplots.pdf"))
})

test_that("settings are those of the handler's file, and as before afterwards", {
  local_desk()
  before <- as.list(desk$settings)
  withr::defer(desk$use_settings(before))
  desk$lambda_config(simplify = FALSE)
  expect_identical(invoke("f <- function(x) class(x)", list(x = 1:3)), "integer")
  expect_identical(invoke(c("lambda_config(integers = 'double')", "on_shutdown(function() 1)", "f <- function(x) class(x)"), list(x = 1:3)), "numeric")
  expect_false(desk$settings$simplify)
  expect_null(desk$settings$integers)
  expect_null(desk$settings$shutdown_hooks)
  expect_identical(desk$invoke_handler(function(x) class(x), list(x = 1:3)), "list")
})

test_that("a handler may invoke another one", {
  local_desk()
  writeLines(c("secret <- 1", "g <- function(x, context) list(x + secret, context$tenant_id)"), "other.R")
  code <- c(
    "secret <- 10L",
    "f <- function(x, context) {",
    "  inner <- invoke_handler('other.g', list(x = x), tenant_id = 'b')",
    "  list(inner[[1]], inner[[2]], secret, context$tenant_id, remaining_ms() < 1e5)",
    "}"
  )
  expect_identical(invoke(code, list(x = 1L), tenant_id = "a"), c("2", "b", "10", "a", "TRUE"))
  expect_identical(desk$remaining_ms(), Inf)
})

test_that("an interrupt leaves the session as it was", {
  local_desk()
  local_globals(mine = 1)
  wd <- getwd()
  code <- c(
    "f <- function() {",
    "  setwd(tempdir())",
    "  sink(tempfile())",
    "  tools::pskill(Sys.getpid(), tools::SIGINT)",
    "  repeat Sys.sleep(0.01)",
    "}"
  )
  sinks <- sink.number()
  expect_identical(tryCatch(invoke(code), interrupt = function(e) "interrupted"), "interrupted")
  expect_identical(getwd(), wd)
  expect_identical(sink.number(), sinks)
  expect_identical(get("mine", globalenv()), 1)
  expect_null(desk$current$invocation)
})

test_that("set.seed() in a test decides, not that of the handler's file", {
  local_desk()
  withr::local_preserve_seed()
  draw <- function(lines) {
    set.seed(1)
    c(invoke(lines), runif(1))
  }
  set.seed(1)
  want <- round(runif(2), 12)
  expect_identical(round(draw(c("set.seed(7)", "f <- function() runif(1)")), 12), want)
  expect_identical(round(draw(c("fitted <- rnorm(9)", "f <- function() runif(1)")), 12), want)
  set.seed(7)
  kept <- round(runif(1), 12)
  got <- round(draw(c("lambda_config(keep_seed = TRUE)", "set.seed(7)", "f <- function() runif(1)")), 12)
  expect_identical(got, c(kept, want[[1L]]))
  rm(".Random.seed", envir = globalenv())
  expect_error(invoke(c("set.seed(7)", "stop('no')")))
  expect_false(exists(".Random.seed", globalenv(), inherits = FALSE))
})

test_that("environment variables of the context are as before", {
  local_desk()
  withr::local_envvar(AWS_LAMBDA_FUNCTION_NAME = NA, AWS_LAMBDA_FUNCTION_VERSION = "7", "_X_AMZN_TRACE_ID" = NA)
  code <- "f <- function(context) list(context$function_name, context$function_version, Sys.getenv('_X_AMZN_TRACE_ID'))"
  expect_identical(invoke(code, function_name = "fn", trace_id = "Root=1"), c("fn", "7", "Root=1"))
  expect_identical(invoke(code), c("function", "7", ""))
  expect_identical(Sys.getenv(c("AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID"), NA, names = FALSE), c(NA_character_, NA))
  expect_identical(Sys.getenv("AWS_LAMBDA_FUNCTION_VERSION"), "7")
})
