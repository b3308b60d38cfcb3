local_edition(3)

array_of <- function(text, n) paste0("[", paste(rep(text, n), collapse = ","), "]")
objects <- function(keys) paste0("[", paste0("{\"", keys, "\":1}", collapse = ","), "]")
simplified <- function(text) runtime$decode_text(text, TRUE)$value

pick <- function(x) x[[sample.int(length(x), 1L)]]

# random_json() returns JSON text with arrays, matrices and records of every kind.
random_json <- function(depth) {
  n <- sample.int(4L, 1L)
  joined <- function(elements) paste0("[", paste(elements, collapse = ","), "]")
  object <- function(keys, depth) {
    paste0("{", paste0("\"", keys, "\":", vapply(keys, function(k) random_json(depth), character(1)), collapse = ","), "}")
  }
  kind <- pick(c("scalar", "scalar", "empty", if (depth > 0L) c("object", "alike", "records", "array")))
  switch(kind,
    scalar = pick(c("null", "1", "-2.5", "1234567", "true", "false", "\"x\"", "\"\\u00e9\"")),
    empty = pick(c("[]", "{}")),
    object = object(sample(c("a", "b", "c", "d"), n, replace = runif(1L) < 0.2), depth - 1L),
    alike = array_of(random_json(depth - 1L), n),
    records = {
      keys <- letters[seq_len(sample.int(3L, 1L))]
      joined(vapply(seq_len(n), function(i) if (runif(1L) < 0.1) "null" else object(keys, depth - 2L), character(1)))
    },
    array = joined(vapply(seq_len(n), function(i) random_json(depth - 1L), character(1)))
  )
}

test_that("random JSON becomes what jsonlite makes of it", {
  set.seed(30L)
  kinds <- character()
  for (i in 1:3000) {
    text <- random_json(4L)
    value <- runtime$simplify(jsonlite::parse_json(text))
    want <- jsonlite::parse_json(text, simplifyVector = TRUE)
    if (!identical(value, want)) {
      expect_identical(value, want, info = text)
    }
    kinds <- c(kinds, class(value)[[1L]])
  }
  expect_true(all(c("array", "matrix", "data.frame", "list", "character", "integer", "numeric", "logical") %in% kinds))
})

test_that("text stays text", {
  expect_identical(simplified("[\"NA\"]"), "NA")
  expect_identical(simplified("[\"NaN\",\"Inf\",\"-Inf\",null]"), c("NaN", "Inf", "-Inf", NA))
  expect_identical(simplified("[\"Inf\",1]"), c("Inf", "1"))
  expect_identical(simplified("{\"iso2c\":[\"NA\"]}"), list(iso2c = "NA"))
  expect_identical(simplified("[{\"country\":\"NA\"}]"), data.frame(country = "NA"))
  expect_identical(simplified("[[\"NA\",\"Inf\"],[\"a\",\"b\"]]"), matrix(c("NA", "a", "Inf", "b"), 2L))
  for (text in c("{\"iso2c\":[\"NA\",\"DE\"]}", "[{\"country\":\"NA\"},{\"country\":null}]", "[\"Inf\",\"NaN\"]")) {
    expect_identical(runtime$encode_result(simplified(text)), text)
  }
})

test_that("keys that mean something to jsonlite are keys like any other", {
  for (text in c("{\"$date\":1.5}", "[{\"$date\":1},{\"$date\":2}]", "[{\"_row\":\"a\",\"x\":1},{\"_row\":\"a\",\"x\":2}]")) {
    expect_identical(runtime$encode_result(simplified(text)), text)
  }
})

test_that("a number among text is the text that it has in JSON", {
  withr::local_options(scipen = -9L, OutDec = ",")
  expect_identical(
    simplified("[\"a\",100000,1764097783123456,0.1,1e5,null,true]"),
    c("a", "100000", "1764097783123456", "0.1", "100000", NA, "TRUE")
  )
  expect_identical(simplified("[{\"x\":100000},{\"x\":\"a\"}]")$x, c("100000", "a"))
  expect_identical(simplified("[[100000,1.5],[\"a\",null]]"), matrix(c("100000", "a", "1.5", NA), 2L))
})

test_that("of a repeated key in a row the first counts", {
  expect_identical(simplified("[{\"a\":1,\"a\":2,\"b\":3},{\"b\":4}]"), data.frame(a = c(1L, NA), b = 3:4))
})

expect_too_much <- function(text, why = "the event has arrays that are too irregular, or too many") {
  # Without bounds some of these take minutes, or gigabytes.
  expect_failure_type(simplified(text), "Runtime.UnmarshalError", why, "simplify = FALSE")
  expect_type(runtime$decode_text(text, FALSE)$value, "list")
}

test_that("objects without common keys do not become a huge data frame", {
  keys <- paste0("k", 1:10000)
  expect_too_much(paste0("{\"a\":", objects(keys), "}"))
  expect_too_much(paste0("[", paste0("{\"x\":{\"", keys, "\":1}}", collapse = ","), "]"))
  expect_too_much(paste0("[[", paste0("{\"", keys, "\":[]}", collapse = ","), ",null]]"))
})

test_that("very many arrays, objects, tables and columns are too much", {
  expect_too_much(array_of("[1]", 6e5))
  expect_too_much(array_of("[[1]]", 2e5))
  expect_too_much(array_of("{\"a\":1},1", 3e5))
  expect_too_much(array_of("[{\"a\":1}]", 1e5))
  expect_too_much(paste0("[{", paste0("\"k", 1:300000, "\":1", collapse = ","), "}]"))
})

test_that("arrays that are nested too deeply to be simplified are refused", {
  nested <- function(open, close, n) paste0(strrep(open, n), "[1]", strrep(close, n))
  for (pair in list(c("[", "]"), c("{\"a\":", "}"))) {
    expect_too_much(nested(pair[[1L]], pair[[2L]], 501L), "the event is nested too deeply")
    expect_no_error(simplified(nested(pair[[1L]], pair[[2L]], 400L)))
  }
  expect_too_much(nested("[{\"a\":", "}]", 251L), "the event is nested too deeply")
})

test_that("what is large and regular is simplified", {
  records <- paste0("{\"id\":", 1:4000, ",\"user\":{\"name\":\"n\",\"age\":null},\"items\":[{\"x\":1},{\"x\":2}]}")
  text <- paste0("{\"records\":[", paste(records, collapse = ","), "],\"matrix\":", array_of("[1,2]", 2e4), "}")
  value <- simplified(text)
  expect_identical(value, jsonlite::parse_json(text, simplifyVector = TRUE))
  expect_s3_class(value$records, "data.frame")
  expect_identical(dim(value$matrix), c(20000L, 2L))
})

# allocated() returns how many bytes R allocates for vectors of more than 128 bytes while it
# evaluates `expr`. Unlike time, that is the same in every run; copying in a loop makes it grow with
# the square of the size. (R allocates small vectors in pages, whose number depends on its free
# ones.)
allocated <- function(expr) {
  path <- withr::local_tempfile()
  utils::Rprofmem(path)
  tryCatch(expr, finally = utils::Rprofmem(""))
  lines <- readLines(path)
  sum(as.numeric(sub(" :.*", "", lines[!startsWith(lines, "new page")])))
}

test_that("the work for odd JSON is proportional to its size, or it is refused", {
  expect_true(capabilities("profmem"))
  refused <- 0L
  for (name in names(odd_json)) {
    decode <- function(text, simplify) tryCatch(runtime$decode_text(text, simplify)$value, runtime_failure = identity)
    small <- odd_json[[name]](1000)
    large <- odd_json[[name]](8000)
    for (simplify in c(TRUE, FALSE)) {
      work <- allocated(decode(small, simplify))
      expect_lt(allocated(value <- decode(large, simplify)), 2e5 + 12 * work) # for a size of 8
      if (!inherits(value, "failure") && !inherits(value, "condition")) {
        expect_lt(allocated(runtime$encode_result(value)), 2e5 + 12 * allocated(runtime$encode_result(decode(small, simplify))))
      } else {
        refused <- refused + 1L
      }
    }
    # simplify() itself counts what it does one by one.
    value <- jsonlite::parse_json(large)
    work <- list2env(list(lists = 0, cells = 0, max_cells = runtime$max_cells(large)), parent = emptyenv())
    outcome <- tryCatch(if (is.list(value)) runtime$simplify_list(value, work, 1L, FALSE), runtime_failure = identity)
    expect_true(inherits(outcome, "runtime_failure") || work$lists <= 3 * nchar(large) && work$cells <= nchar(large), info = name)
  }
  expect_gt(refused, 0L)
  expect_lt(refused, 6L)
})
