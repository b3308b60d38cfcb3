local_edition(3)

test_that("parse_query() keeps the order, collects repeated keys and decodes", {
  parse <- runtime$parse_query
  expect_identical(parse("b=2&a=1"), list(b = "2", a = "1"))
  expect_identical(parse("x=1&y=2&x=3"), list(x = c("1", "3"), y = "2"))
  expect_identical(parse("x=a,b"), list(x = "a,b"))
  expect_identical(parse("q=caf%C3%A9+au%20lait%2Bmilk"), list(q = "caf\u00e9 au lait+milk"))
  expect_identical(parse("%61%3D=b%26c"), list("a=" = "b&c"))
  expect_identical(parse("flag&empty=&a=b=c"), list(flag = "", empty = "", a = "b=c"))
  expect_identical(parse("&&a=1&"), list(a = "1"))
  expect_identical(parse(""), list())
  expect_identical(parse("=v"), setNames(list("v"), ""))
})

test_that("percent_decode() leaves what would not be text as it came", {
  decode <- runtime$percent_decode
  same <- c("100%", "%zz", "%f", "%00", "a%ffb", "%ed%a0%80")
  expect_identical(decode(same), same)
  expect_identical(decode("%F0%9F%98%80"), "\U1F600")
  expect_identical(Encoding(decode("%c3%a9")), "UTF-8")
  expect_identical(decode("\u00e9%20"), "\u00e9 ")
  expect_identical(decode("%2541"), "%41") # once only
  expect_identical(decode("a+b"), "a+b")
  expect_identical(decode(character()), character())
})

test_that("encoded text is decoded again, whatever it is", {
  set.seed(1)
  pool <- c(letters, " ", "&", "=", "+", "%", "/", "?", "#", "\u00e9", "\u4e2d", "\U1F600", "\n", "\"", ",")
  for (i in 1:200) {
    values <- replicate(3L, paste(sample(pool, sample(0:12, 1L), TRUE), collapse = ""))
    query <- paste0(c("a", "b", "a"), "=", vapply(values, utils::URLencode, character(1), reserved = TRUE, repeated = TRUE), collapse = "&")
    expect_identical(runtime$parse_query(query), list(a = values[c(1L, 3L)], b = values[[2L]]))
  }
})

test_that("a query with very many parameters is read in good time", {
  query <- paste0("k", seq_len(1e5), "=v", collapse = "&")
  expect_length(runtime$parse_query(query), 1e5)
})

test_that("codes are decoded at once, each within its own value", {
  decode <- runtime$percent_decode
  expect_identical(decode(c("%", "41", "a%4", "1%2", "%41%", "x\n%0Ay", "%ff", "%00", "%20%00", "%c3", "%a9", "%C3%A9")), c(
    "%", "41", "a%4", "1%2", "A%", "x\n\ny", "%ff", "%00", "%20%00", "%c3", "%a9", "\u00e9"
  ))
  expect_identical(decode(c("", "%41", "")), c("", "A", ""))
  values <- rep("a%20b%C3%A9", 50000L)
  took <- system.time(expect_identical(decode(values), rep("a b\u00e9", 50000L)))
  expect_lt(took[["elapsed"]], 1) # 0.05 s, where a call for each takes 3 s
})
