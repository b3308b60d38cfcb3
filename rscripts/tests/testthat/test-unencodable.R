local_edition(3)

reason <- function(value) tryCatch(runtime$encode_value(value), error = conditionMessage)

test_that("what is no JSON is refused by what it is", {
  methods::setClass("UnencodableTest", representation(x = "numeric"), where = globalenv())
  withr::defer(methods::removeClass("UnencodableTest", where = globalenv()))
  bytes <- "a\xff"
  Encoding(bytes) <- "bytes"
  cases <- list(
    list(mean, "a function"),
    list(sum, "a function"),
    list(structure(mean, class = "mine"), "a function"),
    list(globalenv(), "an environment"),
    list(1i, "a complex number"),
    list(quote(a + b), "an R expression"),
    list(as.name("a"), "an R expression"),
    list(expression(a), "an R expression"),
    list(y ~ x, "an object of class formula"),
    list(structure(new.env(), class = c("mine", "R6")), "an object of class mine"),
    list(structure(list(a = 1), class = "mine"), "an object of class mine"),
    list(methods::new("UnencodableTest", x = 1), "an object of class UnencodableTest"),
    list(bytes, "a string that is marked as bytes")
  )
  for (case in cases) {
    want <- paste("cannot encode", case[[2L]], "as JSON")
    expect_identical(reason(case[[1L]]), want)
    if (!is.character(case[[1L]])) {
      expect_identical(reason(list(a = 1, b = list(2, case[[1L]]))), want)
      expect_identical(reason(lapply(1:30, function(i) list(i, case[[1L]]))), want)
    }
  }
})

test_that("a function is found in what jsonlite would encode", {
  for (value in list(
    I(list(mean)), list(a = 1, a = list(mean)), data.frame(x = I(list(1, mean))), pairlist(a = mean),
    data.frame(a = I(list(mean)), row.names = "x")
  )) {
    expect_identical(reason(value), "cannot encode a function as JSON")
  }
})

test_that("an element that cannot be encoded is named", {
  expect_failure_type(
    runtime$encode_or_fail(list(rows = lapply(1:20, function(i) list(id = i, f = if (i == 7L) mean)))),
    "Runtime.MarshalError", "result$rows[[7]]$f: cannot encode a function as JSON"
  )
  bytes <- "a\xff"
  Encoding(bytes) <- "bytes"
  expect_failure_type(runtime$encode_or_fail(list(a = 1, b = c("x", bytes))), "Runtime.MarshalError", "result$b[[2]]: cannot encode a string that is marked as bytes")
  expect_failure_type(runtime$encode_or_fail(list(a = list(1, 2i))), "Runtime.MarshalError", "result$a[[2]]: cannot encode a complex number")
})

test_that("objects with a method of the user's are encoded, and those without keep their class", {
  generic <- methods::getGeneric("asJSON", where = asNamespace("jsonlite"))
  methods::setClass("EncodableTest", representation(x = "numeric"), where = globalenv())
  methods::setOldClass(c("EncodableS3", "R6"), where = globalenv())
  for (class in c("EncodableTest", "EncodableS3")) {
    methods::setMethod(generic, class, function(x, ...) "[7]", where = globalenv())
  }
  withr::defer({
    for (class in c("EncodableTest", "EncodableS3")) {
      methods::removeMethod(generic, class, where = globalenv())
      methods::removeClass(class, where = globalenv())
    }
  })
  object <- structure(new.env(), class = c("EncodableS3", "R6"))
  value <- list(a = methods::new("EncodableTest", x = 1), b = object)
  expect_identical(runtime$encode_result(value), "{\"a\":[7],\"b\":[7]}")
  other <- structure(new.env(), class = c("OtherS3", "R6"))
  expect_identical(reason(list(other)), "cannot encode an object of class OtherS3 as JSON")
  expect_identical(class(other), c("OtherS3", "R6"))
})

test_that("each element that cannot be encoded is listed by its path, with its own class", {
  lines <- function(...) runtime$unencodable_elements(...)
  bad <- globalenv()
  because <- ": cannot encode an environment as JSON"
  expect_identical(lines(bad), paste0("result", because))
  expect_identical(lines(list(1, list(a = list(b = bad)))), paste0("result[[2]]$a$b", because))
  expect_identical(lines(list(a = 1, bad)), paste0("result[[2]]", because))
  table <- data.frame(x = 1:2)
  table$y <- list(1, bad)
  fit <- structure(list(), class = "lm")
  expect_identical(
    lines(list(t = table, ok = 1, fit = list(fit, mean))),
    c(paste0("result$t$y[[2]]", because), "result$fit[[1]]: cannot encode an object of class lm as JSON",
      "result$fit[[2]]: cannot encode a function as JSON")
  )
  expect_identical(lines(list(a = 1)), character())
  expect_length(lines(rep(list(bad), 100L)), 20L)
  expect_failure_type(
    runtime$encode_or_fail(list(fit = fit, f = mean)), "Runtime.MarshalError",
    "result$fit: cannot encode an object of class lm as JSON; result$f: cannot encode a function as JSON"
  )
})

test_that("errors that a handler caught are named by their message", {
  failed <- try(stop("boom"), silent = TRUE)
  old <- structure("Error in f() : boom\n", class = "try-error")
  for (case in list(
    list(list(failed), "result[[1]]: cannot encode an object of class try-error as JSON: boom"),
    list(list(result = NULL, error = simpleError("boom")), "result$error: cannot encode an object of class simpleError as JSON: boom"),
    list(list(1, old), "result[[2]]: cannot encode an object of class try-error as JSON: Error in f() : boom"),
    list(suppressWarnings(parallel::mclapply(1:2, function(i) if (i == 2L) stop("child ", i) else i)),
      "result[[2]]: cannot encode an object of class try-error as JSON: child 2"),
    list(rlang::catch_cnd(rlang::abort("no luck", class = "mine")), "result: cannot encode an object of class mine as JSON: no luck")
  )) {
    expect_failure_type(runtime$encode_or_fail(case[[1L]]), "Runtime.MarshalError", case[[2L]])
  }
})

test_that("text that is not UTF-8 is named wherever it is", {
  bad <- "caf\xe9"
  Encoding(bad) <- "UTF-8"
  for (case in list(
    list(bad, "result: "), list(list(a = list("x", bad)), "result$a[[2]]: "), list(c("x", bad), "result[[2]]: "),
    list(data.frame(x = 1:2, y = c("a", bad)), "result$y[[2]]: "), list(factor(bad), "result: "),
    list(stats::setNames(list(1), bad), "result: "), list(structure(paste0("\"", bad, "\""), class = "json"), "result: "),
    list(list(j = structure(bad, class = "json")), "result$j: "), list(I(bad), "result: "), list(list(1, I(bad)), "result[[2]]: "),
    list(matrix(bad), "result: "), list(table(bad), "result: "), list(structure(bad, class = "glue"), "result: ")
  )) {
    expect_failure_type(
      runtime$encode_or_fail(case[[1L]]), "Runtime.MarshalError",
      paste0("the result cannot be encoded as JSON: ", case[[2L]]), "not valid UTF-8"
    )
  }
})
