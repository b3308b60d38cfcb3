local_edition(3)

expect_json <- function(value, json) {
  expect_identical(runtime$encode_result(value), json)
  expect_identical(runtime$encode_result(list(a = value, b = list(value))), paste0("{\"a\":", json, ",\"b\":[", json, "]}"))
}

# local_method() defines an S3 method for the rest of the test, as the package of its class does.
local_method <- function(generic, class, method, env = parent.frame()) {
  name <- paste0(generic, ".", class)
  assign(name, method, globalenv())
  withr::defer(rm(list = name, envir = globalenv()), envir = env)
}

# local_s4() defines an S4 class for the rest of the test.
local_s4 <- function(class, ..., env = parent.frame()) {
  methods::setClass(class, ..., where = globalenv())
  withr::defer(methods::removeClass(class, where = globalenv()), envir = env)
}

test_that("times keep their milliseconds, unless they are zero", {
  at <- as.POSIXct("2026-01-01 10:00:00", tz = "UTC")
  expect_json(at, "\"2026-01-01T10:00:00Z\"")
  expect_json(at + 0.75, "\"2026-01-01T10:00:00.750Z\"")
  expect_json(as.POSIXlt(at + 0.75), "\"2026-01-01T10:00:00.750Z\"")
  expect_json(at + c(0, 0.001, 0.0001, 0.9996, NA), paste0(
    "[\"2026-01-01T10:00:00Z\",\"2026-01-01T10:00:00.001Z\",\"2026-01-01T10:00:00Z\",\"2026-01-01T10:00:01Z\",null]"
  ))
  expect_json(as.POSIXct(-0.25, origin = "1970-01-01", tz = "Asia/Tokyo"), "\"1969-12-31T23:59:59.750Z\"")
  expect_json(data.frame(at = at + c(0.5, 1)), "[{\"at\":\"2026-01-01T10:00:00.500Z\"},{\"at\":\"2026-01-01T10:00:01Z\"}]")
  expect_json(lapply(1:2, function(i) at + i / 10), "[\"2026-01-01T10:00:00.100Z\",\"2026-01-01T10:00:00.200Z\"]")
  expect_json(at[0L], "[]")
})

test_that("differences in time have their unit", {
  expect_json(as.difftime(2, units = "hours"), "\"2 hours\"")
  expect_json(as.difftime(c(1.5, NA), units = "mins"), "[\"1.5 mins\",null]")
  expect_json(as.Date("2024-03-01") - as.Date("2024-02-01"), "\"29 days\"")
  expect_json(data.frame(d = as.difftime(1:2, units = "secs")), "[{\"d\":\"1 secs\"},{\"d\":\"2 secs\"}]")
})

test_that("classes that R shows as text are that text", {
  expect_json(noquote("a"), "\"a\"")
  expect_json(noquote(c(a = "x", b = "y")), "[\"x\",\"y\"]")
  expect_json(noquote(matrix(c("a", "b"), 1L)), "[[\"a\",\"b\"]]")
  expect_json(package_version("4.2.2"), "\"4.2.2\"")
  expect_json(numeric_version(c("1.2", "1.10")), "[\"1.2\",\"1.10\"]")
  expect_json(R_system_version("4.2.2"), "\"4.2.2\"")
  expect_json(structure(96, class = "object_size"), "\"96 bytes\"")
  expect_json(as.hexmode(255L), "\"ff\"")
  expect_json(as.octmode(8L), "\"10\"")
  expect_json(utils::as.roman(c(4L, 10L)), "[\"IV\",\"X\"]")
  expect_json(utils::person("Ada", "Lovelace"), "\"Ada Lovelace\"")
  frame <- data.frame(i = 1:2)
  frame$v <- numeric_version(c("1.2", "1.10"))
  expect_json(frame, "[{\"i\":1,\"v\":\"1.2\"},{\"i\":2,\"v\":\"1.10\"}]")
})

test_that("an S3 class on a basic type is the text of its as.character() or format() method", {
  seconds <- structure(c(7200, NA), class = c("hms", "difftime"), units = "secs")
  local_method("format", "hms", function(x, ...) ifelse(is.na(x), NA, sprintf(" %02d:00:00", as.integer(unclass(x)) %/% 3600L)))
  expect_json(seconds, "[\"02:00:00\",null]")
  expect_json(data.frame(at = seconds), "[{\"at\":\"02:00:00\"},{\"at\":null}]")
  units <- structure(1.5, class = "units", units = "m")
  local_method("format", "units", function(x, ...) paste(unclass(x), "[m]"))
  expect_json(units, "\"1.5 [m]\"")
  local_method("as.character", "units", function(x, ...) "1.5 m")
  expect_json(units, "\"1.5 m\"")
  local_method("as.character", "broken", function(x, ...) stop("no"))
  local_method("format", "broken", function(x, ...) c("too", "many"))
  expect_json(structure(3, class = "broken"), "3")
})

test_that("an S3 class without such a method is the vector itself", {
  expect_json(structure(1:2, class = "mine"), "[1,2]")
  expect_json(structure(1.5, class = c("mine", "numeric"), note = "x"), "1.5")
  expect_json(structure("a", class = c("fs_path", "character")), "\"a\"")
  expect_json(structure(list(a = 1), class = c("mine", "list")), "{\"a\":1}")
  local_method("format", "percent", function(x, ...) "50%")
  expect_json(structure(0.5, class = c("percent", "numeric")), "0.5") # the class says that it is a number
})

test_that("an S4 class is the text of its as.character() or format() method", {
  local_s4("PeriodTest", contains = "numeric", slots = c(hour = "numeric"))
  hours <- methods::new("PeriodTest", c(0, NA), hour = c(2, NA))
  expect_json(hours, "[0,null]") # without a method it is its data
  local_method("format", "PeriodTest", function(x, ...) ifelse(is.na(x@hour), NA, paste0(x@hour, "H 0M 0S")))
  expect_json(hours, "[\"2H 0M 0S\",null]")
  local_s4("SpanTest", slots = c(from = "character"))
  span <- methods::new("SpanTest", from = "2024")
  expect_error(runtime$encode_result(list(span)), "cannot encode an object of class SpanTest")
  methods::setMethod("as.character", "SpanTest", function(x, ...) paste0(x@from, "--"), where = globalenv())
  withr::defer(methods::removeMethod("as.character", "SpanTest", where = globalenv()))
  expect_json(span, "\"2024--\"")
})

test_that("tables and summaries are values by name", {
  expect_json(table(c("a", "b", "a")), "{\"a\":2,\"b\":1}")
  expect_json(table(c("a", NA), useNA = "always"), "{\"a\":1,\"NA\":1}")
  expect_json(table(character()), "{}")
  expect_json(prop.table(table(c("a", "b"))), "{\"a\":0.5,\"b\":0.5}")
  expect_json(table(c("x", "y"), c(1, 2)), "{\"x\":{\"1\":1,\"2\":0},\"y\":{\"1\":0,\"2\":1}}")
  expect_json(stats::xtabs(~a, data.frame(a = c("p", "q", "q"))), "{\"p\":1,\"q\":2}")
  expect_json(by(1:3, c("u", "u", "v"), sum), "{\"u\":3,\"v\":3}")
  expect_json(summary(c(1, 2, 4)), "{\"Min.\":1,\"1st Qu.\":1.5,\"Median\":2,\"Mean\":2.33333333333333,\"3rd Qu.\":3,\"Max.\":4}")
  expect_match(runtime$encode_result(summary(as.Date("2024-01-01") + 0:2)), "{\"Min.\":\"2024-01-01\",", fixed = TRUE)
  expect_json(summary(data.frame(x = 1:2))[1:2, , drop = FALSE], "[{\"x\":\"Min.   :1.00  \"},{\"x\":\"1st Qu.:1.25  \"}]")
  expect_json(structure(c(user.self = 1, elapsed = 2.5), class = "proc_time"), "{\"user.self\":1,\"elapsed\":2.5}")
})

test_that("series are rows with their times", {
  expect_json(ts(1:2, start = c(2024, 12), frequency = 12), "[{\"time\":\"2024-12\",\"value\":1},{\"time\":\"2025-01\",\"value\":2}]")
  expect_json(ts(1:2, start = c(2024, 4), frequency = 4), "[{\"time\":\"2024-Q4\",\"value\":1},{\"time\":\"2025-Q1\",\"value\":2}]")
  expect_json(ts(c(0.5, NA), start = 2024), "[{\"time\":2024,\"value\":0.5},{\"time\":2025,\"value\":null}]")
  expect_json(
    ts(matrix(1:4, 2L, dimnames = list(NULL, c("a", "b"))), start = 1),
    "[{\"time\":1,\"a\":1,\"b\":3},{\"time\":2,\"a\":2,\"b\":4}]"
  )
  zoo <- structure(c(1.5, 2), index = as.Date("2024-01-01") + 0:1, class = "zoo")
  expect_json(zoo, "[{\"index\":\"2024-01-01\",\"value\":1.5},{\"index\":\"2024-01-02\",\"value\":2}]")
  days <- structure(c(0, 86400), tzone = "UTC", tclass = "Date")
  xts <- structure(1:2, dim = 2:1, dimnames = list(NULL, "x"), index = days, class = c("xts", "zoo"))
  expect_json(xts, "[{\"index\":\"1970-01-01\",\"x\":1},{\"index\":\"1970-01-02\",\"x\":2}]")
  attr(xts, "index") <- structure(c(0, 0.5), tzone = "Europe/Paris", tclass = c("POSIXct", "POSIXt"))
  expect_json(xts, "[{\"index\":\"1970-01-01T00:00:00Z\",\"x\":1},{\"index\":\"1970-01-01T00:00:00.500Z\",\"x\":2}]")
})

test_that("bytes are base64 on one line, everywhere", {
  bytes <- as.raw(1:100)
  base64 <- paste0("\"", runtime$base64_text(bytes), "\"")
  expect_no_match(base64, "\\n", fixed = TRUE)
  expect_json(bytes, base64)
  expect_json(structure(bytes, class = "hash"), base64)
  expect_json(structure(bytes, note = "x"), base64)
  expect_json(structure(list(bytes), class = c("blob", "vctrs_list_of", "vctrs_vctr", "list")), paste0("[", base64, "]"))
  frame <- data.frame(i = 1L)
  frame$b <- list(bytes)
  expect_json(frame, paste0("[{\"i\":1,\"b\":", base64, "}]"))
  expect_json(data.frame(b = as.raw(1:2)), "[{\"b\":\"AQ==\"},{\"b\":\"Ag==\"}]")
  expect_json(raw(), "\"\"")
})

test_that("64-bit integers keep all digits", {
  local_method("as.character", "integer64", function(x, ...) c("9223372036854775807", NA))
  ids <- structure(c(1, 2), class = "integer64")
  expect_json(ids, "[9223372036854775807,null]")
  frame <- structure(list(id = ids), class = "data.frame", row.names = 1:2)
  expect_json(frame, "[{\"id\":9223372036854775807},{\"id\":null}]")
  expect_identical(runtime$csv_text(frame), "\"id\"\r\n9223372036854775807\r\n\r\n")
})

test_that("what jsonlite unboxes is a scalar or an object", {
  expect_json(jsonlite::unbox(2), "2")
  expect_json(jsonlite::unbox(data.frame(a = 1, b = "x")), "{\"a\":1,\"b\":\"x\"}")
})

test_that("large whole numbers are exact, whatever they are in", {
  x <- c(1764097783123456, 1764097783123457)
  json <- "[1764097783123456,1764097783123457]"
  expect_json(x, json)
  expect_json(as.list(x), json)
  expect_json(array(x), json)
  expect_json(I(x), json)
  expect_json(structure(x, class = "mine"), json)
  expect_json(structure(x, names = c("a", "a")), json)
  expect_json(matrix(x, 1L), paste0("[", json, "]"))
  expect_json(list(a = x, a = 1), paste0("{\"a\":", json, ",\"a.1\":1}"))
  expect_json(data.frame(x = x), "[{\"x\":1764097783123456},{\"x\":1764097783123457}]")
  expect_json(data.frame(x = x[[1L]], row.names = "r"), "[{\"x\":1764097783123456,\"_row\":\"r\"}]")
  expect_json(2^53, "9007199254740992")
  expect_json(-2^53, "-9007199254740992")
  expect_json(c(1e15, 1e15 + 0.5, 2^53 + 2, 1e300), "[1000000000000000,1e+15,9.00719925474099e+15,1e+300]")
})

test_that("keep_names turns named vectors into objects, and named matrices into rows", {
  keep_settings()
  coefficients <- c(`(Intercept)` = 1.5, x = NA)
  labelled <- matrix(1:4, 2L, dimnames = list(NULL, c("a", "b")))
  counts <- tapply(1:3, c("u", "v", "u"), sum)
  runtime$dropped$names <- NULL
  for (value in list(coefficients, counts, 1:3)) {
    expect_identical(runtime$encode_result(value), runtime$encode_result(as.vector(value)))
  }
  expect_true(runtime$dropped$names)
  expect_json(labelled, "[[1,3],[2,4]]")

  runtime$lambda_config(keep_names = TRUE)
  expect_json(coefficients, "{\"(Intercept)\":1.5,\"x\":null}")
  expect_json(c(a = "x"), "{\"a\":\"x\"}")
  expect_json(c(a = 1L, a = 2L, 3L), "{\"a\":1,\"a.1\":2,\"3\":3}")
  expect_json(I(c(a = 1)), "{\"a\":1}")
  expect_json(c(a = as.Date("2024-01-01")), "{\"a\":\"2024-01-01\"}")
  expect_json(factor(c(u = "p")), "{\"u\":\"p\"}")
  expect_json(structure(1:2, names = c("a", "b"), class = "mine"), "{\"a\":1,\"b\":2}")
  expect_json(noquote(c(a = "x")), "{\"a\":\"x\"}")
  expect_json(counts, "{\"u\":4,\"v\":2}")
  expect_json(labelled, "[{\"a\":1,\"b\":3},{\"a\":2,\"b\":4}]")
  rownames(labelled) <- c("p", "q")
  expect_json(labelled, "[{\"a\":1,\"b\":3,\"_row\":\"p\"},{\"a\":2,\"b\":4,\"_row\":\"q\"}]")
  expect_json(matrix(1:2, 1L, dimnames = list("p", NULL)), "[{\"V1\":1,\"V2\":2,\"_row\":\"p\"}]")
  expect_json(data.frame(x = c(a = 1, b = 2)), "[{\"x\":1,\"_row\":\"a\"},{\"x\":2,\"_row\":\"b\"}]")
  expect_json(lapply(1:15, function(i) c(i = i))[1:2], "[{\"i\":1},{\"i\":2}]")
  expect_json(1:2, "[1,2]")
})

test_that("a hint, given once, says which names were left out", {
  logged <- character()
  log <- function(level, message) logged <<- c(logged, paste(level, message))
  withr::defer(runtime$dropped$hinted <- runtime$dropped$names <- NULL)
  runtime$dropped$hinted <- runtime$dropped$names <- NULL
  for (value in list(list(a = 1:2), list(n = 1, fit = list(1, c(a = 1))), c(b = 1))) {
    runtime$encode_result(value)
    runtime$hint_at_names(value, log)
  }
  expect_identical(logged, "info the names of result$fit[[2]] were left out; lambda_config(keep_names = TRUE) keeps names")
  expect_null(runtime$named_element(list(a = list(b = 1), t = table(1), f = data.frame(x = c(a = 1)))))
  expect_identical(runtime$named_element(list(matrix(1, 1L, 1L, dimnames = list(NULL, "a")))), "result[[1]]")
})
