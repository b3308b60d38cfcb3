local_edition(3)

test_that("bytes come back from their base64, which is one line", {
  for (n in c(0L, 1L, 2L, 3L, 47L, 48L, 49L, 100L, 1000L)) {
    bytes <- as.raw(seq_len(n) %% 256L)
    text <- runtime$base64_text(bytes)
    expect_identical(nchar(text), 4L * as.integer(ceiling(n / 3)))
    expect_match(text, "^[A-Za-z0-9+/]*=*$")
    expect_identical(runtime$base64_bytes(text, "it"), bytes)
  }
})

test_that("base64 may have line breaks", {
  expect_identical(runtime$base64_bytes("AQID\r\nBA==\n", "it"), as.raw(1:4))
})

test_that("text that is not base64 is refused as a whole", {
  for (text in list("AQI", "AQ!D", "AQ=D", "====", "AQIDBA", "AQID BA==", "\u00e9\u00e9", NA_character_, c("AQID", "AQID"), 1, NULL)) {
    expect_error(runtime$base64_bytes(text, "the body"), "^the body is not base64$")
  }
})
