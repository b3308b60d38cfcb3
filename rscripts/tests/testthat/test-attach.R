local_edition(3)

test_that("the functions are attached behind the user's own objects", {
  runtime$attach_user_api()
  on.exit(detach("lambda"))
  expect_identical(get("on_shutdown", globalenv()), runtime$on_shutdown)
  expect_identical(match("lambda", search()), length(search()) - 1L)
})

test_that("a package that R's start has loaded gets the runtime's functions", {
  installed <- function() "installed"
  package <- list2env(list(stop_html = installed, other = installed))
  package$.__NAMESPACE__. <- list2env(list(spec = c(name = "p", version = "1"), exports = list2env(list(stop_html = "stop_html", other = "other"))))
  package$.__S3MethodsTable__. <- list2env(list(as_result.fit = function(value, ...) "mine", as_result.default = installed))
  lockEnvironment(package, bindings = TRUE)
  attached <- attach(list(stop_html = installed, html_response = "the user's"), name = "attached")
  lockBinding("stop_html", attached)
  withr::defer({
    detach("attached", character.only = TRUE)
    rm("as_result.fit", envir = runtime$.__S3MethodsTable__.)
  })
  runtime$take_over(package, runtime$user_functions())
  for (env in list(package, attached)) {
    expect_identical(env$stop_html, runtime$stop_html)
    expect_true(bindingIsLocked("stop_html", env))
  }
  expect_identical(package$other, installed)
  expect_identical(attached$html_response, "the user's")
  expect_identical(runtime$result_of(structure(list(), class = "fit")), "mine")
  expect_identical(runtime$result_of(1), 1)
})
