# The R side of BenchmarkOddJSON. For each line on standard input, the name of a shape in
# helper-odd-json.R, it decodes JSON of that shape in two sizes, one eight times the other, as a
# worker decodes an event. It writes the microseconds of CPU for each byte, first of the small one.

invisible(.Internal(enableJIT(0L))) # as in a worker, see rscripts/loop/user-code.R
runtime <- new.env(parent = baseenv())
for (file in Sys.glob("../../rscripts/*/*.R")) {
  sys.source(file, runtime)
}
source("../../rscripts/tests/testthat/helper-odd-json.R")

microseconds <- function(text, times) {
  gc(FALSE)
  cpu <- system.time(for (i in seq_len(times)) {
    tryCatch(runtime$decode_text(text, TRUE), runtime_failure = identity)
  })
  (cpu[["user.self"]] + cpu[["sys.self"]]) * 1e6 / times / nchar(text, "bytes")
}

lines <- file("stdin", "r")
while (length(name <- readLines(lines, 1L))) {
  if (name == "") {
    cat(names(odd_json), "\n")
  } else {
    cat(microseconds(odd_json[[name]](8000), 8L), microseconds(odd_json[[name]](64000), 1L), "\n")
  }
}
