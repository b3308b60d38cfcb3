# Durable handlers. Each takes the name of a case.

run <- durable(function(case) cases[[case]]())
plain <- function(...) "ran"
cases <- list()

# Mistakes: each must end its execution with an error.
cases$name <- function() durable_step("caf\u00e9", 1)
cases$long_name <- function() durable_wait(seconds = 1, name = strrep("n", 257))
cases$branch_name <- function() durable_parallel("\u00e9" = 1)
cases$nested_step <- function() durable_step("outer", durable_step("inner", 1))
cases$nested_wait <- function() durable_until("outer", function(state) durable_wait(seconds = 1))
cases$nested_retry <- function() durable_step("outer", stop("busy"), retry = function(error, attempt) durable_now() - durable_wait(seconds = 1))
cases$short_wait <- function() durable_wait(seconds = 0.5)
cases$long_wait <- function() durable_wait(days = 367)
cases$no_unit <- function() durable_wait(60)
cases$moves <- function() {
  durable_step("load", 1)
  if (!is_replaying()) durable_wait(seconds = 1)
  durable_step("load", 2)
}
cases$other_kind <- function() {
  if (is_replaying()) durable_callback("same") else durable_wait(seconds = 1, name = "same")
}
cases$pointer <- function() durable_step("open", list(con = file(tempfile(), "w")))
cases$write <- function() durable_step("save", 1, serialiser = list(write = function(value) stop("no format")))
cases$result <- function() function() 1
cases$batch <- function() durable_map(1:2, function(i) i)
cases$expired <- function() durable_wait_for_callback("approval", function(id) NULL, timeout = 1)
cases$silent <- function() callback_result(durable_callback("approval", timeout = 60, heartbeat = 1))
cases$large_step <- function() durable_step("load", strrep("x", 3e5))
cases$large_frame <- function() durable_step("load", strrep("x", 8e6))
cases$large_state <- function() durable_until("poll", function(state) strrep("x", 3e5), done = function(state) TRUE)
cases$large_payload <- function() durable_invoke("other", strrep("x", 3e5))
cases$large_model <- function() {
  sales <- rnorm(1e5)
  durable_step("fit", list(formula = sold ~ month))
}
cases$strategy <- function() durable_step("load", stop("busy"), retry = function(error, attempt) "soon")
cases$no_code <- function() durable_step(stop("ran outside"))

# values() makes values of all kinds, the same ones each time.
values <- function() {
  latin1 <- "caf\xe9"
  Encoding(latin1) <- "latin1"
  bytes <- "caf\xe9"
  Encoding(bytes) <- "bytes"
  list(
    integer = 5L, integers = 1:3, double = 5, doubles = c(1, 2.5), big = 2147483648, huge = 2^53 + 2, tiny = 5e-324, third = 1 / 3,
    na = NA, na_integer = NA_integer_, na_real = NA_real_, na_text = NA_character_, null = NULL, nan = c(NaN, NA), inf = c(Inf, -Inf),
    date = as.Date("2026-11-26"), time = as.POSIXct(1.5e9 + 0.25, origin = "1970-01-01", tz = "Europe/Berlin"), lt = as.POSIXlt("2026-11-26", tz = "UTC"),
    difference = as.difftime(2, units = "mins"), factor = factor(c("b", "a"), levels = c("b", "a", "c")), ordered = factor("x", ordered = TRUE),
    frame = data.frame(n = 1:2, x = c(1, NA), t = c("a", NA), f = factor(c("u", "v"))), rows = data.frame(a = 1:2, row.names = c("r", "s")),
    no_rows = data.frame(a = integer()), no_columns = data.frame(), list = list(1, 2L, "a", NULL, NA), one = list(5L), empty = list(), named = list(a = 1, b = NULL),
    nested = list(a = list(b = list(c = 1:3))), records = list(list(a = 1L), list(a = 2L)), same_names = c(a = 1, a = 2), r = list(r = "eJw="),
    matrix = matrix(1:6, 2), array = array(1:8, c(2, 2, 2)), complex = 1 + 2i, raw = as.raw(0:255), no_raw = raw(), text = c("", "5", "null", "\u00e9\u4e2d\U1F600", "\u2028\n\t\"\\"),
    latin1 = latin1, bytes = bytes, call = quote(x + y), symbol = as.name("x"), formula = stats::as.formula("y ~ x", globalenv()), package = numeric_version("1.2.3"), class = structure(list(1), class = "own")
  )
}

# wrong() returns the names of the values that come out of a step differently.
wrong <- function() {
  all <- values()
  as.list(Filter(function(name) !identical(durable_step(name, all[[name]]), all[[name]]), names(all)))
}
cases$values <- function() {
  seen <- wrong()
  first <- durable_step("seen", identity(seen))
  durable_wait(seconds = 1)
  f <- durable_step("function", eval(quote(function(x) x + 1), globalenv()))
  env <- durable_step("environment", list2env(list(a = 1), parent = globalenv()))
  shape <- durable_step("s4", methods::new("Shape", sides = 3))
  list(
    first = first, replayed = seen, f = f(2), a = env$a, s4 = identical(shape, methods::new("Shape", sides = 3)),
    zero = 1 / durable_step("zero", -0) < 0
  )
}
methods::setClass("Shape", representation(sides = "numeric"))

# A result that bootstrap encodes, of an event that it decodes.
records <- durable(function(rows) {
  sums <- durable_step("sums", rows$a + rows$b)
  durable_wait(seconds = 1)
  data.frame(a = rows$a, sum = sums, replayed = is.data.frame(rows))
})

# R itself around a suspension.
cases$caught <- function() {
  seen <- character()
  g <- function() {
    on.exit(message("on.exit runs"))
    tryCatch(durable_wait(seconds = 1), condition = function(cond) stop("caught"), interrupt = function(i) stop("caught"), finally = message("finally runs"))
    "through"
  }
  a <- withCallingHandlers(try(g()), condition = function(cond) if (!inherits(cond, "message")) seen <<- c(seen, class(cond)))
  b <- vapply(1:2, function(i) is.null(suppressWarnings(durable_wait(seconds = 1))), logical(1))
  list(a = a, b = b, seen = as.list(seen))
}

# die() kills R, once for each execution.
die <- function() {
  path <- Sys.getenv("DIED")
  if (!file.exists(path)) {
    file.create(path)
    tools::pskill(Sys.getpid(), 9L)
    Sys.sleep(60)
  }
  Sys.getpid()
}
cases$replayed <- function() {
  message("the handler begins")
  drawn <- c(runif(1), sample(1000L, 1L))
  began <- durable_now()
  before <- durable_step("before", list(drawn = drawn, began = began, pid = Sys.getpid()))
  pid <- durable_step("die", {
    message("the step runs")
    die()
  })
  list(same = identical(before[1:2], list(drawn = drawn, began = began)), moved = pid != before$pid, further = runif(1) != drawn[1])
}

# page answers HTTP requests.
page <- durable(function(name) {
  text <- durable_step("greet", if (name == "nobody") stop("no name") else paste("Hello", name), retry = backoff(attempts = 1))
  durable_wait(hours = 1)
  html_response(paste0("<p>", text, "</p>"))
})
