local_edition(3)

array_of <- function(text, n) paste0("[", paste(rep(text, n), collapse = ","), "]")

irregular <- function(n) paste0("{\"a\":[", paste0("{\"k", seq_len(n), "\":1}", collapse = ","), "]}")

expect_too_much <- function(text) {
  expect_failure_type( # without the bounds some of these take minutes
    runtime$decode_text(text, TRUE), "Runtime.UnmarshalError", "the event has arrays that are too irregular", "simplify = FALSE"
  )
  expect_type(runtime$decode_text(text, FALSE)$value, "list")
}

test_that("objects without common keys do not become a huge data frame", {
  expect_too_much(irregular(10000L))
  expect_too_much(paste0("[", paste0("{\"x\":{\"k", 1:5000, "\":1}}", collapse = ","), "]"))
  expect_too_much(paste0("[[", paste0("{\"k", 1:5000, "\":[]}", collapse = ","), ",null]]"))
})

test_that("very many arrays, and very many keys in a row, are too much", {
  expect_too_much(array_of("[1]", 9e5))
  expect_too_much(array_of("[[[[[1]]]]]", 2e5))
  expect_too_much(array_of("{\"a\":1},1", 4e5))
  expect_too_much(paste0("[{", paste0("\"k", 1:1e5, "\":1", collapse = ","), "}]"))
})

test_that("arrays nested too deeply to be simplified are refused", {
  levels <- function(n) paste0(strrep("[", n), paste(rep("1", 1e4), collapse = ","), strrep("]", n))
  expect_identical(runtime$simplify_cost(jsonlite::parse_json(levels(7L)))$depth, 7)
  expect_true(runtime$is_beyond_bounds(runtime$simplify_cost(jsonlite::parse_json(levels(1001L)))))
  expect_false(runtime$is_beyond_bounds(runtime$simplify_cost(jsonlite::parse_json(levels(1000L)))))
})

test_that("what is large and regular is simplified", {
  records <- paste0("{\"id\":", 1:4000, ",\"user\":{\"name\":\"n\",\"age\":null},\"items\":[{\"x\":1},{\"x\":2}]}")
  text <- paste0("{\"records\":[", paste(records, collapse = ","), "],\"matrix\":", array_of("[1,2]", 2e4), "}")
  expect_true(runtime$may_cost(text))
  value <- runtime$decode_text(text, TRUE)$value
  expect_identical(value, jsonlite::parse_json(text, simplifyVector = TRUE))
  expect_s3_class(value$records, "data.frame")
  expect_identical(dim(value$matrix), c(20000L, 2L))
})

test_that("simplify_cost() counts the cells of the data frames that jsonlite makes", {
  count_cells <- function(x) {
    if (is.data.frame(x)) {
      nrow(x) * ncol(x) + sum(vapply(x, count_cells, numeric(1)))
    } else if (is.list(x)) {
      sum(vapply(x, count_cells, numeric(1)))
    } else {
      0
    }
  }
  for (text in c(
    "1", "[]", "{}", "[{}]", "[1,[2],null]", "[{\"a\":1},null,{\"b\":2}]", "{\"a\":{\"x\":1},\"b\":{\"x\":2}}",
    "[{\"a\":{\"b\":{\"c\":1}}},{\"a\":{\"d\":null}},{\"e\":1}]", "[{\"a\":{\"b\":1}},{\"a\":1}]",
    "[{\"a\":[{\"b\":1},{\"c\":1}]},{\"a\":null}]", "[[{\"a\":1},{\"b\":2}],[],[1]]", "{\"x\":[{\"a\":null,\"b\":[1]},{\"b\":{}}]}"
  )) {
    cost <- runtime$simplify_cost(jsonlite::parse_json(text))
    expect_identical(cost$cells, as.numeric(count_cells(jsonlite::parse_json(text, simplifyVector = TRUE))), info = text)
  }
})

test_that("most text is not parsed twice", {
  expect_false(runtime$may_cost("{\"a\":1}"))
  expect_false(runtime$may_cost(array_of("1", 1e5)))
  expect_false(runtime$may_cost(paste0("{\"a\":\"", strrep("x", 1e5), "\"}")))
  expect_true(runtime$may_cost(irregular(5000L)))
})
