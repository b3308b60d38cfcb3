# Summarises each CSV file that is uploaded to a bucket, and writes the summary beside it. The
# handler `functions.summarise` gets the events of the bucket.

source("s3.R")

summarise <- function(event) {
  for (record in event_records()) {
    upload <- record$data
    if (grepl("[.]csv$", upload$key)) { # not the summaries, which trigger the function again
      numbers <- Filter(is.numeric, read.csv(text = rawToChar(s3("GET", upload$bucket, upload$key))))
      means <- jsonlite::toJSON(lapply(numbers, mean), auto_unbox = TRUE, digits = NA)
      s3("PUT", upload$bucket, sub("[.]csv$", ".json", upload$key), charToRaw(means))
      lambda_log("info", "summarised", key = upload$key, columns = length(numbers))
    }
  }
}
