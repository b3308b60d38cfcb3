local_edition(3)

# encode_simple() is to_json(), or it is NULL: the bytes never differ.
values <- list(
  list(parity = "odd"), list(a = 1L), list(a = -100000L, b = 2147483647L), list(a = TRUE, b = FALSE),
  list(a = "", b = "x"), list(a = "quote\"", b = 1L), list(a = "back\\slash"), list(a = "</script>"),
  list(a = "tab\t"), list(a = "line\n"), list(a = "\u00e9"), list("\u00e9" = 1L), list(a = NA), list(a = NA_character_),
  list(a = 1.5), list(a = 1e5), list(a = NULL), list(a = 1:2), list(a = character()), list(a = list(1L)),
  list(a = I(1L)), list(a = factor("x")), list(a = as.Date("2020-01-01")), list(a = c(n = 1L)), list(a = 1L, a = 2L),
  list(1L, 2L), list(a = 1L, 2L), stats::setNames(list(1L), ""), list(), structure(list(), names = character()),
  structure(list(a = 1L), class = "mine"), structure(list(a = 1L), note = "x"), data.frame(a = 1L), c(a = 1L), "x", NULL,
  list(a = as.raw(1L)), list(a = 1i), list(`a b` = "c d", `a/b` = "http://x/y?z=1&w=2"), list(a = "~!@#$%^&*()_+{}|:?,.;'[]`")
)

test_that("simple results have the bytes of jsonlite", {
  for (value in values) {
    simple <- runtime$encode_simple(value)
    if (!is.null(simple)) {
      expect_identical(simple, as.character(unclass(runtime$to_json(value))))
    }
  }
})

test_that("random simple results have the bytes of jsonlite", {
  set.seed(1)
  alphabet <- strsplit(rawToChar(as.raw(32:126)), "")[[1L]]
  word <- function() paste(sample(alphabet, sample(1:8, 1L), replace = TRUE), collapse = "")
  taken <- 0L
  for (i in 1:500) {
    value <- list()
    for (k in seq_len(sample(1:5, 1L))) {
      value[[word()]] <- switch(sample(3L, 1L), word(), sample(-1e6:1e6, 1L), sample(c(TRUE, FALSE), 1L))
    }
    simple <- runtime$encode_simple(value)
    if (!is.null(simple)) {
      taken <- taken + 1L
      expect_identical(simple, as.character(unclass(runtime$to_json(value))))
    }
  }
  expect_gt(taken, 100L)
})

test_that("what many handlers return is simple", {
  expect_identical(runtime$encode_simple(list(parity = "odd", n = 5L, ok = TRUE)), "{\"parity\":\"odd\",\"n\":5,\"ok\":true}")
})
