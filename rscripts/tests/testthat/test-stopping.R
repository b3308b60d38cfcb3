local_edition(3)

# handled() returns the messages of the conditions that calling_stopped() passes on while it evaluates
# `expr`.
handled <- function(expr) {
  got <- character()
  tryCatch(
    runtime$calling_stopped(expr, function(cond, calls) got <<- c(got, conditionMessage(cond))),
    condition = function(e) NULL
  )
  got
}

test_that("an error that is not caught is passed on, even if a tryCatch() around it catches it", {
  expect_identical(handled(stop("no")), "no")
  expect_match(handled(log("a")), "non-numeric argument")
  expect_identical(handled(tryCatch(stop("inside"), error = function(e) NULL)), character())
})

test_that("a condition that is given to stop() is one that stops, whatever its class", {
  expect_identical(handled(stop(custom("own", message = "no"))), "no")
  expect_identical(handled(signalCondition(custom("own", message = "a signal"))), character())
  expect_identical(handled(suppressWarnings(warning(simpleError("only a warning")))), character())
  expect_identical(handled(suppressMessages(message(simpleError("only a message")))), character())
})

test_that("signaller() finds who signalled", {
  by <- NULL
  note <- function(cond) by <<- runtime$signaller(sys.nframe() - 1L)
  withCallingHandlers(
    {
      suppressMessages(message("m"))
      signalCondition(custom("own", message = ""))
    },
    own = note
  )
  expect_identical(by, "")
  tryCatch(withCallingHandlers(stop(custom("own", message = "")), own = note), condition = function(e) NULL)
  expect_identical(by, "stop")
})
