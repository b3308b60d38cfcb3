# The R side of BenchmarkJSON. Each line of standard input is the name of a shape. For a value of
# that shape it writes how many ms jsonlite takes, how many ms the runtime takes and, for a data
# frame, how many ms jsonlite's C code takes alone, which is the lower bound of an encoder that uses
# it (0 for other values).

runtime <- new.env(parent = baseenv())
for (file in Sys.glob("../../rscripts/*/*.R")) {
  sys.source(file, runtime)
}
jsonlite_c <- asNamespace("jsonlite")

row <- function(i) list(id = i, name = paste("item", i), value = i * 1.1, ok = i %% 2L == 0L)
frame <- function(rows, columns) {
  kinds <- list(seq_len(rows), paste("item", seq_len(rows)), runif(rows))
  stats::setNames(as.data.frame(rep_len(kinds, columns)), paste0("column", seq_len(columns)))
}

# Each is list(value, number of encodings that are timed together).
shapes <- list(
  small = function() list(list(mean = 1.5, n = 10L, tags = c("a", "b")), 50L),
  rows100 = function() list(lapply(1:100, row), 5L),
  nested100 = function() list(list(rows = lapply(1:100, row), total = 100L, ok = TRUE), 5L),
  mixed100 = function() list(lapply(1:100, function(i) c(row(i), if (i %% 2L) list(tags = letters[1:3], more = row(i)))), 5L),
  dates100 = function() list(lapply(1:100, function(i) list(day = as.Date("2024-01-01") + i, at = as.POSIXct(i, origin = "1970-01-01"))), 5L),
  scalars1e5 = function() list(as.list(seq_len(1e5L)), 1L),
  named1e4 = function() list(stats::setNames(as.list(runif(1e4L)), paste0("key", 1:1e4)), 1L),
  strings1e5 = function() list(paste("some text", seq_len(1e5L)), 1L),
  doubles1e5 = function() list(runif(1e5L), 1L),
  frame1000x3 = function() list(frame(1000L, 3L), 20L),
  frame1000x10 = function() list(frame(1000L, 10L), 5L),
  frame10x3 = function() list(frame(10L, 3L), 50L)
)

# bare_c() encodes a data frame of integers, doubles and ASCII strings by calls of C only.
bare_c <- function(frame, keys) {
  text <- vapply(frame, function(x) {
    if (is.character(x)) {
      .Call(jsonlite_c$C_escape_chars, x)
    } else {
      .Call(jsonlite_c$R_num_to_char, x, NA_integer_, FALSE, FALSE, FALSE)
    }
  }, character(nrow(frame)), USE.NAMES = FALSE)
  .Call(jsonlite_c$C_collapse_array, .Call(jsonlite_c$C_row_collapse_object, keys, text, NA_integer_))
}

# timed() returns how many ms a call of `run` takes, without collecting earlier garbage.
timed <- function(run, times) {
  gc(FALSE)
  started <- as.numeric(Sys.time())
  for (i in seq_len(times)) {
    run()
  }
  (as.numeric(Sys.time()) - started) * 1000 / times
}

lines <- file("stdin", "r")
name <- ""
while (length(line <- readLines(lines, 1L))) {
  if (line != name) {
    name <- line
    set.seed(1L)
    shape <- shapes[[name]]()
    value <- shape[[1L]]
    times <- shape[[2L]]
    keys <- if (is.data.frame(value)) .Call(jsonlite_c$C_escape_chars, names(value))
    want <- as.character(unclass(runtime$to_json(value)))
    stopifnot(identical(runtime$encode_result(value), want))
    stopifnot(is.null(keys) || identical(bare_c(value, keys), want))
  }
  cat(
    timed(function() runtime$to_json(value), times), timed(function() runtime$encode_result(value), times),
    if (is.null(keys)) 0 else timed(function() bare_c(value, keys), times), "\n"
  )
}
