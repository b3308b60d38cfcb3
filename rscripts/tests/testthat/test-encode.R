local_edition(3)

# theirs() and ours() return the bytes that jsonlite and the runtime make of a value, as strings of
# any encoding.
theirs <- function(value) {
  json <- unclass(runtime$to_json(value))
  if (length(json) != 1L) stop("not one JSON text")
  shown(json)
}
ours <- function(value) shown(runtime$encode_value(value))
shown <- function(json) rawToChar(charToRaw(enc2utf8(json)))

marked <- function(text, encoding) {
  Encoding(text) <- encoding
  text
}

expect_same_bytes <- function(value) {
  expect_identical(ours(value), theirs(value))
}

# pick() is sample() of one element, also of a list.
pick <- function(x) x[[sample.int(length(x), 1L)]]

strings <- c(
  "", "a", "x y", "tab\t", "line\nfeed\r", "quote\"", "back\\slash", "</script>", "<b/>", "\u0001\u001f\u007f", "NA", "null",
  "\u00e9", "na\u00efve", "\u65e5\u672c", "\U1F600", "\u2028\u2029", strrep("long ", 2000L), marked("na\xefve", "latin1"),
  marked("\xed\xa0\x80", "UTF-8"), "~!@#$%^&*()_+{}|:?,.;'[]`", NA
)
doubles <- c(
  0, -0, 1, -1, 0.1, 0.1 + 0.2, 1 / 3, pi, 100, 1e5, 123456, 1e16, 999999999999999, 1e-4, 1e-5, 123456789.123,
  2^31 - 1, 2^31, -2^31, .Machine$double.xmax, .Machine$double.xmin, 5e-324, 1e300, NA, NaN, Inf, -Inf
)

random_vector <- function(n) {
  switch(sample.int(6L, 1L),
    sample(c(TRUE, FALSE, NA), n, replace = TRUE),
    sample(c(0L, 1L, -5L, 100000L, .Machine$integer.max, -.Machine$integer.max, NA), n, replace = TRUE),
    sample(doubles, n, replace = TRUE),
    sample(c(-1, 1), n, replace = TRUE) * runif(n) * 10^runif(n, -320, 308),
    as.numeric(sample.int(1000L, n, replace = TRUE)),
    sample(strings, n, replace = TRUE)
  )
}

# random_special() returns a value with a class or attributes, or of another type.
random_special <- function(n) {
  switch(sample.int(12L, 1L),
    factor(sample(c("a", "\u00e9\"", NA), n, replace = TRUE)),
    factor(sample(c("low", "high"), n, replace = TRUE), c("low", "high"), ordered = TRUE),
    as.Date(sample(c(0, 19000, -800000, 2932897, 1.5, NA), n, replace = TRUE), origin = "1970-01-01"),
    structure(sample(c(0L, 20000L), n, replace = TRUE), class = "Date"),
    as.POSIXct(sample(c(0, 1.7e9, -1e9, NA), n, replace = TRUE), origin = "1970-01-01", tz = pick(list("UTC", "Asia/Tokyo"))),
    I(random_vector(n)),
    I(as.list(random_vector(n))),
    as.POSIXlt(rep("2024-02-29 12:00:00", n), tz = "UTC"),
    stats::setNames(random_vector(n), rep("a", n)),
    structure(random_vector(n), note = "x"),
    as.raw(seq_len(n)),
    structure(if (n == 1L) "[1]" else random_vector(n), class = if (n == 1L) "json") # one text at a time
  )
}

random_names <- function(n) {
  switch(sample.int(8L, 1L),
    NULL,
    sample(strings[seq_len(21L)], n, replace = TRUE),
    rep("", n),
    c(NA, letters)[seq_len(n)],
    sample(letters, n),
    letters[seq_len(n)]
  )
}

random_frame <- function(depth) {
  rows <- pick(list(0L, 1L, 2L, 5L))
  columns <- lapply(seq_len(sample.int(4L, 1L)), function(i) {
    switch(sample.int(5L, 1L),
      {
        x <- random_special(rows)
        if (is.raw(x)) as.integer(x) else x # jsonlite has something else for a column of bytes
      },
      lapply(seq_len(rows), function(i) random_value(depth)),
      matrix(seq_len(2L * rows), rows),
      random_vector(rows)
    )
  })
  columns <- Filter(function(column) NROW(column) == rows, columns)
  names(columns) <- pick(list(letters, strings[-22L], c("a", "a", "b", "c")))[seq_along(columns)]
  row_names <- if (runif(1L) < 0.2) as.character(c(3, "b", 5, 6, 7))[seq_len(rows)] else seq_len(rows)
  class <- pick(list("data.frame", "data.frame", c("tbl_df", "tbl", "data.frame")))
  structure(columns, names = as.character(names(columns)), class = class, row.names = row_names)
}

# random_rows() returns rows with the same names and nearly the same types.
random_rows <- function(depth) {
  size <- sample.int(4L, 1L)
  odd <- runif(1L) < 0.3
  prototype <- lapply(seq_len(size), function(i) random_value(depth))
  lapply(seq_len(sample.int(20L, 1L)), function(i) {
    row <- lapply(prototype, function(x) if (runif(1L) < 0.2) random_value(0L) else x)
    names(row) <- if (odd) random_names(size) else letters[seq_len(size)]
    row
  })
}

random_value <- function(depth) {
  n <- pick(list(0L, 1L, 1L, 1L, 2L, 3L, if (depth <= 0L) 4L else 15L))
  if (depth <= 0L || runif(1L) < 0.3) {
    return(switch(sample.int(6L, 1L), NULL, random_special(n), list(), random_vector(n)))
  }
  switch(sample.int(6L, 1L),
    random_frame(depth - 2L),
    random_rows(depth - 2L),
    structure(list(), names = character()),
    {
      value <- lapply(seq_len(n), function(i) random_value(depth - 1L))
      labels <- random_names(n)
      names(value) <- if (!is.null(labels)) rep_len(labels, n)
      value
    }
  )
}

# expect_same_outcome() expects the bytes of jsonlite, or an error if jsonlite has one. It returns
# TRUE if the value was encoded.
expect_same_outcome <- function(value) {
  want <- tryCatch(theirs(value), error = function(e) "an error")
  got <- tryCatch(ours(value), error = function(e) "an error")
  if (!identical(got, want)) {
    expect_identical(got, want)
  }
  want != "an error"
}

test_that("random values have the bytes of jsonlite, whatever the user's options are", {
  set.seed(20L)
  for (user_options in list(
    list(), list(OutDec = ","), list(scipen = -9L), list(scipen = 100L, OutDec = ","), list(digits = 3L), list(digits = 22L)
  )) {
    withr::local_options(user_options)
    encoded <- vapply(1:500, function(i) expect_same_outcome(random_value(3L)), logical(1))
    expect_gt(sum(encoded), 400L)
    expect_true(all(vapply(1:100, function(i) expect_same_outcome(random_rows(1L)), logical(1))))
  }
})

test_that("rows of one shape, of several and of none have the bytes of jsonlite", {
  row <- function(i) list(id = i, name = paste0("a", i), value = i / 3, ok = i %% 2L == 0L, none = NULL)
  rows <- lapply(1:30, row)
  expect_same_bytes(rows)
  expect_same_bytes(list(rows = rows, total = 30L, ok = TRUE))
  expect_same_bytes(lapply(rows, unname))
  expect_same_bytes(lapply(1:30, function(i) row(i)[seq_len(i %% 6L)]))
  expect_same_bytes(lapply(1:30, function(i) stats::setNames(row(i), c(i, "b", "c", "d", "e"))))
  expect_same_bytes(lapply(1:30, function(i) if (i %% 7L) row(i) else stats::setNames(row(i), c("a", "a", "", NA, "e"))))
  expect_same_bytes(lapply(1:30, function(i) list(day = as.Date("2024-02-28") + i, at = as.POSIXct("2024-02-28", tz = "UTC") + i)))
  expect_same_bytes(lapply(1:30, function(i) list(a = factor("x"), tags = I(i), many = letters[seq_len(i %% 3L)])))
  # Names that would be the same if they were only pasted together.
  expect_same_bytes(list(list(`a","b` = 1, c = 2), list(a = 1, `b","c` = 2), list(a = 1, b = 2)))
})

test_that("lists and vectors that are long have the bytes of jsonlite", {
  expect_same_bytes(as.list(seq_len(1000L)))
  expect_same_bytes(stats::setNames(as.list(runif(1000L)), paste0("k", 1:1000)))
  expect_same_bytes(c(runif(1000L), NA))
  whole <- as.numeric(-20:20)
  for (last in c(-0, 0.5, 2^31 - 1, -2^31 + 1, 2^31, -2^31, 1e5, 1e16, NA, NaN, -Inf)) {
    expect_same_bytes(c(whole, last))
    expect_same_bytes(c(last, whole))
    expect_same_bytes(lapply(c(whole, last), function(x) list(a = x)))
  }
  expect_same_bytes(rep(strings, 50L))
  expect_same_bytes(Reduce(function(x, i) list(a = x, b = i), 1:60, 1))
})

test_that("data frames of every kind of column have the bytes of jsonlite", {
  table <- data.frame(i = 1:3, d = c(0.5, NA, -0), s = c("a", NA, "\u00e9"), l = c(TRUE, NA, FALSE))
  table$f <- factor(c("x", NA, "y"))
  table$day <- as.Date(c("2024-02-29", NA, "1969-12-31"))
  table$at <- as.POSIXct(c(0, NA, -1), origin = "1970-01-01", tz = "America/New_York")
  table$n <- list(1, list(a = 1:2), NULL)
  table$b <- I(list("x", 2:3, table))
  named <- table
  named$i <- c(a = 1L, b = 2L, c = 3L)
  named$n <- stats::setNames(named$n, c("x", "y", "z"))
  nested <- table
  nested$inner <- data.frame(x = 1:3)
  for (value in list(
    table, named, nested, table[0L, ], table[1L, ], table[3:2, ], table[0L], unname(table),
    data.frame(), data.frame(a = 1:2, row.names = c("x", "y")), data.frame(a = 1, a = 2, check.names = FALSE),
    stats::setNames(data.frame(1, 2), c("", NA)), data.frame(m = I(matrix(1:4, 2L))),
    data.frame(t = as.POSIXlt("2024-01-01", tz = "UTC")), structure(table, note = "x"), structure(table, class = c("mine", "data.frame"))
  )) {
    expect_same_bytes(value)
    expect_same_bytes(list(value, t = value))
  }
})

test_that("what is not known has the bytes of jsonlite", {
  for (value in list(
    matrix(1:4, 2L), array(1:8, c(2L, 2L, 2L)), array(1:2), as.raw(1:3), I(1), I("a"), I(1:2), I(list(1)), I(as.Date("2024-01-01")),
    structure("[1]", class = "json"), jsonlite::unbox("a"), pairlist(a = 1), as.POSIXlt("2024-01-01", tz = "UTC"),
    structure(1, class = c("mine", "numeric")), structure(list(a = 1), class = c("mine", "list")), structure(1:2, dim = 2L),
    structure(factor("a"), note = "x"), structure(as.Date("2024-01-01"), dim = 1L), c(a = 1), list(a = 1, a = 2, 3),
    marked("na\xefve", "latin1"), stats::setNames(list(1), marked("na\xefve", "latin1")), marked("a\xff", "UTF-8"), NULL, NA
  )) {
    expect_same_bytes(value)
    expect_same_bytes(list(value, list(a = value), list(a = value)))
  }
})

test_that("NA in text that is JSON already is null", {
  json <- function(x) structure(x, class = "json")
  frame <- function(rows) {
    frame <- data.frame(i = rep(1:2, rows))
    frame$text <- json(rep(c("[1]", NA), rows))
    frame$list <- rep(list(json("{}"), json(NA_character_)), rows)
    frame
  }
  expect_identical(runtime$encode_result(json(NA_character_)), "null")
  expect_identical(runtime$encode_result(list(a = json(c("1", NA)))), "{\"a\":[1,null]}")
  expect_identical(
    runtime$encode_result(frame(1L)),
    "[{\"i\":1,\"text\":[1],\"list\":{}},{\"i\":2,\"text\":null,\"list\":null}]"
  )
  expect_identical(runtime$table_column(frame(1L)$text, 2L), list(kind = "json", values = c("[1]", "null")))
})

test_that("POSIXlt is the instant that it is in its time zone", {
  at <- strptime("2020-06-01 12:00", "%Y-%m-%d %H:%M", tz = "America/New_York")
  expect_identical(ours(at), "\"2020-06-01T16:00:00Z\"")
  frame <- data.frame(x = 1:2, lt = c(at, at + 60))
  frame$lt <- as.POSIXlt(frame$lt)
  for (make in list(
    function(at) at, function(at) list(at), function(at) list(a = at, b = list(at, 1)), function(at) list(a = 1, a = at),
    function(at) c(at, at + 60), function(at) I(at), function(at) list(list(I(at))),
    function(at) structure(list(x = 1:2, at = c(at, at)), class = "data.frame", row.names = c("p", "q")),
    function(at) lapply(1:20, function(i) list(id = i, at = at))
  )) {
    expect_identical(ours(make(at)), theirs(make(as.POSIXct(at))))
  }
  expect_identical(ours(frame), theirs(transform(frame, lt = as.POSIXct(lt))))
})

test_that("dates that are not finite are null", {
  day <- structure(c(Inf, 0, NA, -Inf), class = "Date")
  expect_identical(ours(day), "[null,\"1970-01-01\",null,null]")
  expect_identical(ours(list(day[[1L]], 1)), "[null,1]")
  at <- structure(c(-Inf, 0), class = c("POSIXct", "POSIXt"))
  expect_identical(ours(at), "[null,\"1970-01-01T00:00:00Z\"]")
  expect_identical(ours(data.frame(at = at)), "[{\"at\":null},{\"at\":\"1970-01-01T00:00:00Z\"}]")
})

test_that("names in another encoding have the bytes of jsonlite in a locale without them", {
  withr::local_locale(LC_CTYPE = "C")
  row <- stats::setNames(list(1, "\u00e9"), c(marked("na\xefve", "latin1"), "\u65e5"))
  expect_same_bytes(row)
  expect_same_bytes(rep(list(row), 20L))
  expect_same_bytes(structure(row, class = "data.frame", row.names = 1L))
})

test_that("without the C code of jsonlite the bytes are the same", {
  withr::defer(runtime$helpers$found <- NULL)
  for (namespace in list(
    new.env(),
    list2env(list(C_escape_chars = "none", R_num_to_char = NULL, C_collapse_array = asNamespace("jsonlite")$C_collapse_object))
  )) {
    runtime$helpers$found <- runtime$find_helpers(namespace)
    expect_identical(runtime$helpers$found$numbers, runtime$base_numbers)
    expect_identical(runtime$helpers$found$strings, runtime$base_strings)
    expect_identical(runtime$helpers$found$array, runtime$base_array)
    expect_identical(runtime$helpers$found$object, runtime$base_object)
    expect_identical(runtime$helpers$found$parse, runtime$base_parse)
    withr::local_options(OutDec = ",", scipen = -9L)
    set.seed(21L)
    for (i in 1:200) {
      expect_same_outcome(random_value(3L))
    }
    expect_same_bytes(list(doubles, strings, c(1L, NA), list(), structure(list(), names = character())))
  }
})

test_that("values come back from their JSON", {
  back <- function(x) runtime$parse_text(runtime$encode_result(list(x = x)), TRUE)$x
  set.seed(22L)
  numbers <- c(runif(2000L, -1, 1) * 10^runif(2000L, -307, 307), doubles[is.finite(doubles)])
  # To 15 digits the largest double is more than any double.
  numbers <- setdiff(numbers, .Machine$double.xmax)
  withr::with_options(list(OutDec = ",", digits = 3L), {
    read <- back(numbers)
    # 15 significant digits: half a unit of the last one, whatever the first is.
    expect_true(all(abs(read - numbers) <= 5e-15 * abs(numbers)))
  })
  expect_identical(back(c(1L, NA, -.Machine$integer.max)), c(1L, NA, -.Machine$integer.max))
  expect_identical(back(c(1.5, NA, NaN, Inf)), c(1.5, NA, NA, NA))
  expect_identical(back(c(TRUE, NA)), c(TRUE, NA))
  texts <- setdiff(strings, marked("\xed\xa0\x80", "UTF-8"))
  expect_identical(back(texts), enc2utf8(texts))
  days <- as.Date(c("2024-02-29", NA, "1600-01-01", "9999-12-31"))
  expect_identical(as.Date(back(days)), days)
  times <- as.POSIXct(c(0, 1.7e9, NA, -1e9), origin = "1970-01-01", tz = "UTC")
  expect_equal(as.POSIXct(back(times), tz = "UTC", format = "%Y-%m-%dT%H:%M:%SZ"), times)
  table <- data.frame(id = 1:3, v = c(0.1, NA, 1e300), s = c("a", "\U1F600", NA))
  expect_equal(back(table), table)
  expect_equal(back(lapply(1:3, function(i) as.list(table[i, ]))), table)
  nested <- list(a = list(b = list(list(c = 1L, d = list()), list(c = 2L, d = list("x")))), e = NULL)
  expect_identical(runtime$parse_text(runtime$encode_result(nested), FALSE), nested)
})
