local_edition(3)

test_that("the functions are attached behind the user's own objects", {
  runtime$attach_user_api()
  on.exit(detach("lambda"))
  expect_identical(get("on_shutdown", globalenv()), runtime$on_shutdown)
  expect_identical(match("lambda", search()), length(search()) - 1L)
})
