local_edition(3)

test_that("a field that is too long becomes text", {
  expect_match(runtime$log_field(as.list(1:30000)), "^\"\\[1,2,.* [(]cut: [0-9]+ bytes in all[)]\"$")
  expect_match(runtime$log_field(strrep("x", 100000)), " [(]cut: 100000 bytes in all[)]\"$")
})

test_that("a field is JSON, and text that is not UTF-8 is made so", {
  expect_identical(runtime$log_field(c(1.5, 2)), "[1.5,2]")
  expect_identical(runtime$log_field("a\xffb"), "\"a<ff>b\"")
})

test_that("levels are in their order", {
  expect_identical(names(runtime$log_levels), c("trace", "debug", "info", "warn", "error", "fatal"))
  expect_false(is.unsorted(runtime$log_levels))
})
