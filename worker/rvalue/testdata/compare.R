# The R side of the tests that compare: it reads frames from standard input, three for each document:
# the JSON, "true" or "false" for simplification, and the serialized list, empty if Decode returned
# nil. It prints a line for each: "same", "left" to R, or how the values differ.

runtime <- new.env(parent = baseenv())
for (file in Sys.glob("../../rscripts/*/*.R")) {
  sys.source(file, runtime)
}

decode <- function(text, simplify) {
  tryCatch(list(runtime$decode_text(text, simplify)$value), runtime_failure = conditionMessage)
}

compare <- function(text, simplify, decoded) {
  if (!length(decoded)) {
    return("left")
  }
  got <- unserialize(decoded)
  want <- decode(text, simplify)
  if (!is.list(want)) {
    return(paste("R refuses:", want))
  }
  problems <- if (!identical(got$value, want[[1L]])) c("value", deparse(got$value), "instead of", deparse(want[[1L]]))
  if (!is.null(got[["body"]])) {
    body <- decode(got$value[["body"]], simplify)
    if (!identical(list(got[["body"]]), body)) {
      problems <- c(problems, "body", deparse(got[["body"]]), "instead of", deparse(body))
    }
  }
  if (length(problems)) gsub("\n", " ", substr(paste(problems, collapse = " "), 1L, 2000L)) else "same"
}

input <- file("stdin", "rb")
while (!is.null(text <- runtime$read_frame(input))) {
  simplify <- identical(rawToChar(runtime$read_frame(input)), "true")
  text <- rawToChar(text)
  Encoding(text) <- "UTF-8"
  cat(compare(text, simplify, runtime$read_frame(input)), "\n", sep = "")
}
