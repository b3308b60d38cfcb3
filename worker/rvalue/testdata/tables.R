# The R side of TestRandomTables: it makes as many random results as its first argument says, from
# the seed in its second one. It writes two frames for each: the JSON that encode_result() makes of
# it, and the serialized pieces.

runtime <- new.env(parent = baseenv())
for (file in Sys.glob("../../rscripts/*/*.R")) {
  sys.source(file, runtime)
}
runtime$least_cells <- 1

pick <- function(x) x[[sample.int(length(x), 1L)]]
some_na <- function(x) replace(x, runif(length(x)) < pick(c(0, 0.3)), NA)

numbers <- c(0, -0, 1, -1, 0.1, 1 / 3, pi, 1e5, 1e15, 1e-4, 1e-5, 123456789012345678, 2^53, 2^53 + 2, -2^53, 1e22, 1e300, 5e-324,
  99999999999999.95, 999999999999999.9, 0.30000000000000004, 1e14 + 0.5, NaN, Inf, -Inf, 100, 12345.678, 2147483648)
texts <- c("", "a", "NA", "null", "\u00e9", "\U1F600", "\"\\/\b\f\n\r\t", "a/b</script>", "<", "\u0001\u001f\u007f", "caf\xe9", "\u2028")
Encoding(texts[[11L]]) <- "latin1"

column <- function(n) {
  pick(list(
    function() some_na(sample(c(TRUE, FALSE), n, TRUE)),
    function() some_na(sample(c(-.Machine$integer.max, -5:5, .Machine$integer.max), n, TRUE)),
    function() some_na(sample(numbers, n, TRUE)),
    function() some_na(rnorm(n) * 10^sample(-20:20, n, TRUE)),
    function() some_na(round(runif(n) * 10^sample(0:16, n, TRUE), sample.int(5L, 1L))),
    function() some_na(sample(texts, n, TRUE)),
    function() factor(some_na(sample(texts, n, TRUE))),
    function() some_na(as.Date("2024-02-28") + round(rnorm(n) * 10^sample(0:5, 1L), sample(0:1, 1L))),
    function() some_na(as.POSIXct(rnorm(n) * 10^sample(0:11, 1L), origin = "1970-01-01", tz = "America/New_York")),
    function() as.POSIXlt("2024-03-31 01:30:00", tz = "Europe/Berlin") + seq_len(n) / 8,
    function() structure(seq_len(n), class = "Date"),
    function() as.Date(c(-7e5, 3e6, Inf, NA)[sample.int(4L, n, TRUE)], origin = "1970-01-01"),
    function() as.difftime(seq_len(n), units = "mins"),
    function() I(lapply(seq_len(n), function(i) pick(list(NULL, 1, 1:2, "x", list(a = 1), mtcars[0:1, 1:2])))),
    function() stats::setNames(seq_len(n) / 3, rep("x", n)),
    function() matrix(runif(2 * n), n),
    function() if (n) data.frame(p = seq_len(n), q = sample(texts, n, TRUE)) else integer(),
    function() structure(rep("[1,2]", n), class = "json"),
    function() as.raw(seq_len(n)),
    function() rep(NA, n)
  ))()
}

frame <- function() {
  n <- pick(0:6)
  columns <- lapply(seq_len(sample.int(4L, 1L)), function(j) column(n))
  keys <- sample(c("a", "b", "a", "", "\u00e9", "k/\"", "_row", "</"), length(columns))
  rows <- if (n > 0L && runif(1L) < 0.2) paste0("row", seq_len(n)) else .set_row_names(n)
  x <- structure(columns, names = keys, class = pick(list("data.frame", c("tbl_df", "tbl", "data.frame"))), row.names = rows)
  if (runif(1L) < 0.05) unname(x) else x
}

result <- function(depth = 2L) {
  if (depth == 0L || runif(1L) < 0.4) {
    return(frame())
  }
  x <- lapply(seq_len(sample.int(4L, 1L)), function(i) pick(list(function() result(depth - 1L), function() pick(list(1, "</", NULL, 1:3, list()))))())
  if (runif(1L) < 0.7) {
    names(x) <- sample(c("a", "b", "", "\u00e9", "b"), length(x))
  }
  x
}

arguments <- as.integer(commandArgs(TRUE))
set.seed(arguments[[2L]])
out <- pipe("cat", "wb")
for (i in seq_len(arguments[[1L]])) {
  value <- result()
  json <- tryCatch(runtime$encode_result(value), error = function(e) NULL)
  if (!is.null(json)) {
    pieces <- runtime$encode_pieces(value)
    writeBin(runtime$frame_bytes(charToRaw(json)), out)
    writeBin(runtime$frame_bytes(if (is.raw(pieces)) pieces else raw()), out)
  }
}
close(out)
