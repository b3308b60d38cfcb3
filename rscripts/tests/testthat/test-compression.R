local_edition(3)

text <- charToRaw(strrep("a line of text, and another one. ", 5000L))

test_that("gzip and zlib are decompressed", {
  for (content in list(text, raw(), as.raw(0:255), raw(200000L))) {
    expect_identical(runtime$decompress(gzip(content), "it", 2^20), content)
    expect_identical(runtime$decompress(memCompress(content, "gzip"), "it", 2^20), content)
  }
})

test_that("damaged streams are refused, without a word on standard error", {
  zlib <- memCompress(text, "gzip")
  damaged <- replace(zlib, 100L, xor(zlib[[100L]], as.raw(1L)))
  connections <- nrow(showConnections())
  said <- capture.output(type = "message", {
    for (bytes in list(raw(), as.raw(1:50), zlib[1:5], utils::head(zlib, -1L), zlib[1:200], damaged, gzip(text)[1:100])) {
      expect_error(runtime$decompress(bytes, "it", 2^20), "^it is (not gzip|damaged)")
    }
  })
  expect_identical(said, character())
  expect_identical(nrow(showConnections()), connections)
})

test_that("content above the limit is refused, at the limit it is not", {
  for (bytes in list(gzip(text), memCompress(text, "gzip"))) {
    expect_identical(runtime$decompress(bytes, "it", length(text)), text)
    expect_error(runtime$decompress(bytes, "it", length(text) - 1L), "decompresses to more than")
  }
})

test_that("a sink of the user's stays", {
  con <- textConnection("said", "w", local = TRUE)
  sink(con, type = "message")
  runtime$decompress(memCompress(text, "gzip"), "it", 2^20)
  message("mine")
  sink(type = "message")
  close(con)
  expect_identical(said, "mine")
})
