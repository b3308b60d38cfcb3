# The R side of BenchmarkEvent and BenchmarkResult: what jsonlite alone takes. A line of standard
# input is "event" and the path of a file with JSON, or "result" and the name of a data frame in
# testdata/data.R. It writes how many ms jsonlite takes to make vectors and data frames of the text,
# and its parser alone; or how many it takes to write the data frame, and 0.

source("testdata/data.R")

timed <- function(expr) {
  gc(FALSE)
  started <- as.numeric(Sys.time())
  force(expr)
  (as.numeric(Sys.time()) - started) * 1000
}

lines <- file("stdin", "r")
while (length(line <- readLines(lines, 1L))) {
  words <- strsplit(line, " ", fixed = TRUE)[[1L]]
  if (words[[1L]] == "event") {
    text <- readChar(words[[2L]], file.size(words[[2L]]), useBytes = TRUE)
    Encoding(text) <- "UTF-8"
    cat(timed(jsonlite::parse_json(text, simplifyVector = TRUE)), timed(jsonlite::parse_json(text)), "\n")
  } else {
    frame <- frames[[words[[2L]]]]
    cat(timed(jsonlite::toJSON(frame, digits = NA, na = "null", null = "null", POSIXt = "ISO8601", UTC = TRUE)), 0, "\n")
  }
}
