local_edition(3)

is_compiled <- function(fn) typeof(.Internal(bodyCode(fn))) == "bytecode"

# compile() returns the handler that compile_handler() makes of a function.
compile <- function(fn, ...) {
  level <- runtime$jit$user_level
  runtime$jit$user_level <- 3L
  withr::defer(runtime$jit$user_level <- level)
  runtime$compile_handler(runtime$new_handler(fn, "handler", ...))
}

test_that("the functions of the handler's file are compiled, and nothing else changes", {
  keep_settings()
  in_user_dir()
  source_code(c(
    "simple <- structure(function(n) n + 1, class = 'special', note = 'kept')",
    "value <- 1:3",
    "makeActiveBinding('active', function() stop('called'), globalenv())",
    "locked <- function() 'locked'",
    "lockBinding('locked', globalenv())",
    "sum_up <- base::sum",
    "handler <- function(n) simple(n) + 1"
  ))
  withr::defer(unlockBinding("locked", globalenv()), priority = "first")
  before <- get("simple", globalenv())
  handler <- compile(get("handler", globalenv()))
  expect_true(is_compiled(handler$fn))
  expect_true(is_compiled(get("handler", globalenv())))
  after <- get("simple", globalenv())
  expect_true(is_compiled(after))
  expect_identical(after, before)
  expect_identical(attributes(after), attributes(before))
  expect_identical(handler$fn(1), structure(3, class = NULL))
  expect_identical(get("value", globalenv()), 1:3)
  expect_error(get("active", globalenv()), "called")
  expect_false(is_compiled(get("locked", globalenv())))
})

test_that("functions behind a batch handler and in a closure are compiled", {
  keep_settings()
  in_user_dir()
  batch <- compile(runtime$batch_handler(function(record) record$data))
  expect_true(is_compiled(environment(batch$fn)$f))
  factory <- function() {
    inner <- function(n) n + 1
    function(n) inner(n)
  }
  made <- compile(factory())
  expect_true(is_compiled(made$fn))
  expect_true(is_compiled(environment(made$fn)$inner))
})

test_that("a file that has turned the compiler off keeps its functions as they are", {
  level <- runtime$jit$user_level
  withr::defer(runtime$jit$user_level <- level)
  runtime$jit$user_level <- 0L
  handler <- runtime$compile_handler(runtime$new_handler(function(n) n + 1, "handler"))
  expect_false(is_compiled(handler$fn))
})
