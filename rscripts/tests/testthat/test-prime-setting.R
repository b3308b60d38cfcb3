local_edition(3)

test_that("a setting that cannot work is refused where it is made", {
  keep_settings()
  in_user_dir()
  refused <- function(prime, message) {
    expect_error(runtime$lambda_config(prime = prime), message, fixed = TRUE)
    expect_null(runtime$settings$prime)
  }
  writeLines("{\"x\": ", "cut.json")
  writeLines("[]", "empty.json")
  writeBin(as.raw(c(0x22, 0xff, 0x22)), "latin1.json")
  refused("events.json", paste0("prime = \"events.json\": there is no such file in ", getwd()))
  refused("cut.json", "prime = \"cut.json\" is not valid JSON")
  refused("empty.json", "prime = \"empty.json\" has no event")
  refused("latin1.json", "prime = \"latin1.json\" is not valid JSON: it is not valid UTF-8")
  refused("{\"x\": ", "the text of prime is not valid JSON")
  refused("[]", "the text of prime has no event")
  refused(".", "prime = \".\": there is no such file")
  for (wrong in list(1, TRUE, NA_character_, c("a", "b"), list(), data.frame(x = 1), quote(x))) {
    refused(wrong, "prime must be an event (a list with names)")
  }
  refused(list(x = sum), "prime: the event cannot be encoded as JSON: event$x: cannot encode a function")
  refused(function(event) NULL, "prime is a function, which must work without arguments")
  refused("", "there is no such file")
  expect_error(runtime$lambda_config(prime_on_error = "ignore"), "prime_on_error must be \"stop\" or \"continue\"")
})
