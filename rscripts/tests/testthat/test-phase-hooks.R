local_edition(3)

run_hooks <- function(hooks, deadline_ms = NULL) {
  io <- file_io()
  runtime$current$log <- runtime$log_to(io, NULL)
  withr::defer(runtime$current$log <- NULL)
  failed <- runtime$run_phase_hooks(hooks, deadline_ms, io)
  expect_null(runtime$current$invocation)
  list(failed = failed, log = log_records(io))
}

test_that("hooks run one after the other until one fails", {
  ran <- character()
  hook <- function(name) function() ran <<- c(ran, name)
  expect_null(run_hooks(list(hook("a"), hook("b")))$failed)
  expect_identical(ran, c("a", "b"))
  failing <- eval(parse(text = c("", "function() {", "  message('opening'); stop('refused')", "}"), keep.source = TRUE))
  attr(attr(failing, "srcref"), "srcfile")$filename <- "functions.R"
  got <- run_hooks(list(failing, hook("c")))
  expect_identical(got$failed$message, "functions.R:2: refused")
  expect_identical(got$failed$type, "simpleError")
  expect_identical(vapply(got$log, `[[`, "", "message"), "opening")
  expect_identical(ran, c("a", "b"))
})

test_that("the stack of a failing hook begins in the hook", {
  open <- function() stop("refused")
  got <- run_hooks(list(function() open()))
  expect_identical(sub(" .*", "", stack_text(got$failed$stack)), c("hook()", "open()", "stop(\"refused\")"))
})

test_that("a hook without a source has its own message only", {
  expect_identical(run_hooks(list(base::stop))$failed$message, "")
})

test_that("a hook sees the deadline of its phase, and no event", {
  left <- NULL
  run_hooks(list(function() left <<- runtime$remaining_ms()), runtime$now_ms() + 60000)
  expect_true(left > 0 && left <= 60000)
  run_hooks(list(function() left <<- runtime$remaining_ms()))
  expect_identical(left, Inf)
  expect_match(run_hooks(list(function() runtime$event_records()))$failed$message, "no invocation is running")
})
