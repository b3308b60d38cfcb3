# Answers that are streams.

ack <- function(gone = NULL) {
  fields <- list(type = "ack")
  fields$gone <- gone
  do.call(runtime$control_frame, fields)
}

# answer_stream() answers one invocation of `handler`. `acks` is what it reads for its
# chunks. It returns the frames that it wrote: lists of the control frame, parsed, and for
# a chunk or a result, `payload`, its bytes. Its attribute `unread` is how many bytes of
# `acks` are left.
answer_stream <- function(handler, event = "", acks = rep(ack(), 100L)) {
  io <- file_io(acks)
  withr::defer(rm(list = ls(runtime$current), envir = runtime$current))
  runtime$answer(list(id = "1"), charToRaw(event), runtime$new_handler(handler, "handler"), io)
  frames <- list()
  unread <- length(readBin(io$requests, "raw", 1e6))
  con <- file(io$reply_path, "rb", raw = TRUE)
  withr::defer(close(con))
  while (!is.null(control <- runtime$read_frame(con))) {
    frame <- jsonlite::parse_json(rawToChar(control))
    expect_identical(frame$id, "1")
    if (frame$type %in% c("chunk", "result")) {
      frame$payload <- runtime$read_frame(con)
    }
    frames[[length(frames) + 1L]] <- frame
  }
  structure(frames, unread = unread, log = log_records(io))
}

types <- function(frames) vapply(frames, function(frame) frame$type, character(1))

# texts() are the chunks as text.
texts <- function(frames) {
  chunks <- Filter(function(frame) identical(frame$type, "chunk"), frames)
  vapply(chunks, function(frame) rawToChar(frame$payload), character(1))
}

url_event <- paste0(
  "{\"version\":\"2.0\",\"rawPath\":\"/\",\"rawQueryString\":\"\",\"headers\":{},",
  "\"requestContext\":{\"domainName\":\"x.lambda-url.eu-west-1.on.aws\",\"http\":{\"method\":\"GET\",\"path\":\"/\"}}}"
)
