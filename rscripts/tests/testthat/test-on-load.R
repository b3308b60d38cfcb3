local_edition(3)

test_that("loading the package makes log records messages", {
  withr::defer(desk$current$log <- desk$log_at_desk)
  desk$current$log <- NULL
  desk$.onLoad(NULL, "lambdaruntime")
  expect_message(desk$lambda_log("info", "x"), "info: x")
})

test_that("in a worker, the package exports the runtime's functions", {
  namespace <- list2env(list(html_response = "own", invoke_handler = "own", other = "own"))
  runtime$attach_user_api()
  withr::defer(detach("lambda"))
  desk$adopt(as.environment("lambda"), namespace)
  expect_identical(namespace$html_response, runtime$html_response)
  expect_identical(namespace$invoke_handler, "own")
  expect_false(exists("lambda_log", namespace, inherits = FALSE))
})

test_that("something else that is attached as lambda is not the runtime", {
  namespace <- list2env(list(lambda_log = "own"))
  desk$adopt(list2env(list(lambda_log = function(...) NULL)), namespace)
  desk$adopt(list2env(list(lambda_log = 1)), namespace)
  desk$adopt(new.env(), namespace)
  expect_identical(namespace$lambda_log, "own")
})
