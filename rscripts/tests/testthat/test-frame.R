local_edition(3)

# The vectors of protocol/testdata/frames.json are described in
# protocol/message_test.go, whose tests read them too.

text <- readLines("../../../protocol/testdata/frames.json", encoding = "UTF-8", warn = FALSE)
vectors <- jsonlite::parse_json(paste(text, collapse = "\n"))

unhex <- function(hex) {
  as.raw(strtoi(regmatches(hex, gregexpr("..", hex))[[1L]], 16L))
}

stream_bytes <- function(vector) {
  parts <- lapply(vector$stream, function(part) {
    body <- sub("^(hex|text):", "", part)
    if (startsWith(part, "hex:")) unhex(body) else charToRaw(enc2utf8(body))
  })
  as.raw(unlist(parts))
}

of_direction <- function(direction, good) {
  chosen <- Filter(
    function(vector) vector$direction == direction && is.null(vector[["error"]]) == good,
    vectors
  )
  expect_gt(length(chosen), 0L)
  chosen
}

decode <- function(bytes) runtime$parse_text(runtime$bytes_to_text(bytes), FALSE)

# expect_message() expects the vector's message in `bytes`, and nothing after it.
expect_message <- function(bytes, vector) {
  con <- bytes_con(bytes)
  expect_identical(decode(runtime$read_frame(con)), vector$message, info = vector$name)
  for (payload in c(vector$payload_hex, vector$decoded_hex)) {
    expect_identical(runtime$read_frame(con), unhex(payload), info = vector$name)
  }
  expect_null(runtime$read_frame(con), info = vector$name)
}

test_that("messages to R are read", {
  for (vector in of_direction("to_r", good = TRUE)) {
    expect_message(stream_bytes(vector), vector)
  }
})

test_that("a stream that ends early is the end, and a length that R cannot hold an error", {
  for (vector in of_direction("to_r", good = FALSE)) {
    con <- bytes_con(stream_bytes(vector))
    if (vector[["error"]] == "end") {
      expect_null(runtime$read_frame(con), info = vector$name)
    } else {
      expect_error(runtime$read_frame(con), vector$reason, fixed = TRUE, info = vector$name)
    }
  }
})

test_that("R writes what the vectors contain", {
  for (vector in of_direction("from_r", good = TRUE)) {
    payload <- if (!is.null(vector$payload_hex)) runtime$frame_bytes(unhex(vector$payload_hex))
    written <- c(do.call(runtime$control_frame, vector$message), payload)
    expect_message(written, vector)
    expect_message(stream_bytes(vector), vector)

    # To the byte, where the JSON is the vector's own.
    con <- bytes_con(stream_bytes(vector))
    again <- c(runtime$frame_bytes(runtime$read_frame(con)), payload)
    expect_identical(again, stream_bytes(vector), info = vector$name)
  }
})

test_that("a length is four bytes, big-endian", {
  expect_identical(runtime$frame_bytes(raw()), raw(4))
  expect_identical(runtime$frame_bytes(as.raw(7)), as.raw(c(0, 0, 0, 1, 7)))
  expect_identical(runtime$frame_bytes(raw(66051))[1:4], as.raw(c(0, 1, 2, 3)))
})

test_that("vectors stay arrays when they are marked", {
  expect_identical(
    decode(runtime$control_frame(type = "ready", required = I("x"))[-(1:4)]),
    list(type = "ready", required = list("x"))
  )
  expect_identical(
    decode(runtime$control_frame(type = "ready", required = I(character()))[-(1:4)]),
    list(type = "ready", required = list())
  )
})

test_that("frames go through a pipe, which gives them in pieces", {
  # A pipe holds 64 KiB, so `cat` must wait for us, and we for it.
  body <- as.raw(rep(0:255, 4096L))
  path <- tempfile()
  withr::defer(unlink(path))
  con <- file(path, "wb", raw = TRUE)
  runtime$write_frames(con, runtime$frame_bytes(body), runtime$frame_bytes(raw()), runtime$frame_bytes(body[1:9]))
  close(con)

  con <- pipe(paste("cat", shQuote(path)), "rb")
  withr::defer(close(con))
  expect_identical(runtime$read_frame(con), body)
  expect_identical(runtime$read_frame(con), raw())
  expect_identical(runtime$read_frame(con), body[1:9])
  expect_null(runtime$read_frame(con))
})
