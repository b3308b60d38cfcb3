local_edition(3)

double_up <- function(x) x * 2

test_that("a map calls the function for each item, and does not again", {
  f <- function(items) {
    batch <- durable_map(items, function(item, index) {
      note(index)
      durable_step("double", item * 2)
    }, name = "fits")
    durable_wait(seconds = 1)
    durable_results(batch)
  }
  got <- execute(f, list(items = c(3L, 4L)))
  expect_identical(got$result, c(6L, 8L))
  expect_identical(noted(), 1:2)
  expect_identical(got$operations$id, c("1", "1-1", "1-1-1", "1-2", "1-2-1", "2"))
  expect_identical(got$operations$subtype[1:2], c("Map", "MapIteration"))
})

test_that("items are a vector, a list or the rows of a data frame", {
  values <- function(items, f) {
    force(items)
    result(function() durable_results(durable_map(items, f)), env = parent.frame())
  }
  expect_identical(values(c(1, 2), double_up), c(2L, 4L))
  expect_identical(values(list("a", 1), function(x) class(x)), c("character", "numeric"))
  expect_identical(values(data.frame(a = 1:2, b = c("x", "y")), function(row) paste(row$a, row$b)), c("1 x", "2 y"))
  expect_identical(values(list(), double_up), list())
  expect_identical(values(NULL, double_up), list())
  expect_identical(values(list(NULL, 1), is.null), c(TRUE, FALSE))
})

test_that("branches wait at the same time", {
  f <- function() durable_results(durable_map(c(5, 9, 7), function(s) {
    durable_wait(seconds = s)
    s
  }))
  got <- execute(f)
  expect_identical(got$result, c(5L, 9L, 7L))
  expect_identical(got$seconds, 9)
  one <- execute(function() durable_results(durable_map(c(5, 9, 7), function(s) durable_wait(seconds = s), at_once = 1)))
  expect_identical(one$seconds, 21)
  two <- execute(function() durable_results(durable_map(c(5, 9, 7), function(s) durable_wait(seconds = s), at_once = 2)))
  expect_identical(two$seconds, 12)
})

test_that("code in a branch cannot swallow its suspension", {
  f <- function() durable_results(durable_map(1:2, function(i) {
    tryCatch(durable_wait(seconds = i), condition = function(cond) "caught", finally = note(i))
    i
  }))
  expect_identical(result(f), 1:2)
  noted()
})

fails_at <- function(...) function(i) if (i %in% c(...)) stop("no ", i) else i

# summary_of() maps 1:4 and returns the reason, the status and the counts.
summary_of <- function(f, ..., env = parent.frame()) {
  rules <- list(...)
  batch <- result(function() {
    batch <- do.call(durable_map, c(list(1:4, f), rules))
    batch[c("reason", "status", "success_count", "failure_count", "total_count")]
  }, env = env)
  unlist(batch, use.names = FALSE)
}

test_that("a batch ends by its rules", {
  expect_identical(summary_of(fails_at(2)), c("FAILURE_TOLERANCE_EXCEEDED", "FAILED", "1", "1", "2"))
  expect_identical(summary_of(fails_at()), c("ALL_COMPLETED", "SUCCEEDED", "4", "0", "4"))
  expect_identical(summary_of(fails_at(2), tolerated_failures = 1), c("ALL_COMPLETED", "FAILED", "3", "1", "4"))
  expect_identical(summary_of(fails_at(1, 2), tolerated_failures = 1), c("FAILURE_TOLERANCE_EXCEEDED", "FAILED", "0", "2", "2"))
  expect_identical(summary_of(fails_at(1), tolerated_percent = 25), c("ALL_COMPLETED", "FAILED", "3", "1", "4"))
  expect_identical(summary_of(fails_at(1, 2), tolerated_percent = 25), c("FAILURE_TOLERANCE_EXCEEDED", "FAILED", "0", "2", "2"))
  expect_identical(summary_of(fails_at(), min_successful = 2), c("MIN_SUCCESSFUL_REACHED", "SUCCEEDED", "2", "0", "2"))
  expect_identical(summary_of(fails_at(1), min_successful = 2), c("MIN_SUCCESSFUL_REACHED", "FAILED", "2", "1", "3"))
  expect_identical(summary_of(fails_at(), min_successful = 4), c("ALL_COMPLETED", "SUCCEEDED", "4", "0", "4"))
})

test_that("a branch that waits when enough have succeeded is left as it is", {
  f <- function() {
    batch <- durable_map(c(9, 1, 2), function(s) {
      durable_wait(seconds = s)
      s
    }, min_successful = 2)
    durable_wait(seconds = 1)
    list(batch$reason, batch$started_count, unlist(batch$results))
  }
  got <- execute(f)
  expect_identical(got$result, list("MIN_SUCCESSFUL_REACHED", 1L, 1:2))
})

test_that("durable_parallel() runs its code as branches, each in an environment of its own", {
  f <- function() {
    x <- 3
    batch <- durable_parallel(
      a = durable_step("s", x),
      b = {
        x <- 4
        durable_wait(seconds = 4)
        "b"
      },
      name = "both"
    )
    c(durable_results(batch), x = x)
  }
  got <- execute(f)
  expect_identical(got$result, list(a = 3L, b = "b", x = 3L))
  expect_identical(got$operations$name, c("both", "a", "s", "b", NA))
  expect_identical(result(function() durable_results(durable_parallel())), list())
  nested <- function() durable_results(durable_parallel(durable_results(durable_parallel(1, 2)), durable_map(1, double_up)$results))
  expect_identical(result(nested), list(1:2, 2L))
})

test_that("flat branches store no contexts", {
  f <- function() {
    batch <- durable_map(1:2, function(i) durable_step("s", {
      note(i)
      i
    }), flat = TRUE)
    durable_wait(seconds = 1)
    durable_results(batch)
  }
  got <- execute(f)
  expect_identical(got$result, 1:2)
  expect_identical(got$operations$id, c("1", "1-1-1", "1-2-1", "2"))
  expect_identical(noted(), 1:2)
})

test_that("a batch that is too large keeps its decision, and its values are made again", {
  f <- function() {
    batch <- durable_map(1:6, function(i) {
      if (i == 2) stop("no")
      paste(rep(letters[i], 9e4), collapse = "")
    }, tolerated_failures = 1, min_successful = 4)
    durable_wait(seconds = 1)
    c(batch$reason, batch$total_count, nchar(unlist(batch$results)), conditionMessage(batch$errors[[1L]]))
  }
  expect_identical(result(f), c("MIN_SUCCESSFUL_REACHED", "5", rep("90000", 4), "durable_map(), branch 2 failed: no"))
  expect_identical(result(function() {
    batch <- durable_map(1:6, function(i) paste(rep("x", 9e4), collapse = ""), flat = TRUE)
    durable_wait(seconds = 1)
    sum(nchar(unlist(durable_results(batch))))
  }), 540000L)
})

test_that("serialisers make the text of items, and of the whole", {
  item <- list(write = function(x) paste0("wrapped:", x), read = function(text) sub("wrapped:", "", text))
  whole <- list(write = function(batch) paste0("OPSERDE:", paste(unlist(batch$results), collapse = ",")),
    read = function(text) list(results = strsplit(sub("OPSERDE:", "", text), ",")[[1L]]))
  expect_identical(result(function() durable_results(durable_map(c("x", "y"), toupper, item_serialiser = item))), c("X", "Y"))
  f <- function() {
    batch <- durable_map(c("x", "y"), toupper, serialiser = whole)
    durable_wait(seconds = 1)
    batch$results
  }
  expect_identical(result(f), c("X", "Y"))
})

test_that("names are those of the items, or given", {
  f <- function() durable_results(durable_map(c(a = 1, b = 2), double_up))
  expect_identical(result(f), list(a = 2L, b = 4L))
  got <- execute(function() durable_map(1:2, double_up, names = c("x", "y")))
  expect_identical(got$operations$name, c(NA, "x", "y"))
  expect_refusal(function() durable_map(1:2, double_up, names = "x"), "1 names for 2 branches")
  expect_refusal(function() durable_map(1, double_up, names = "\u00e9"), "printable ASCII")
})

test_that("rules are checked before anything is stored", {
  refused <- function(text, ...) {
    arguments <- list(...)
    got <- execute(function() do.call(durable_map, c(list(1:2, double_up), arguments)), env = parent.frame())
    expect_match(conditionMessage(got$error), text, fixed = TRUE)
    expect_identical(nrow(got$operations), 0L)
  }
  refused("at_once must be a whole number of at least 1", at_once = 0)
  refused("min_successful must be", min_successful = 0)
  refused("tolerated_failures must be", tolerated_failures = -1)
  refused("tolerated_percent must be a number from 0 to 100", tolerated_percent = 101)
  refused("flat must be TRUE or FALSE", flat = NA)
  expect_refusal(function() durable_map(1:2, "f"), "f must be a function of an item")
  expect_refusal(function() durable_map(sum, double_up), "items must be a vector")
})
