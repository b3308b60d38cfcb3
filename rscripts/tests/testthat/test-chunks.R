local_edition(3)

test_that("each write() is a chunk, and the stream has an end", {
  got <- answer_stream(function() {
    runtime$stream_response(function(write) {
      write("a")
      write(c("b\n", "c", "\u00e9"))
      write(as.raw(c(0, 255)))
      write("")
      write(character())
      expect_null(write("z"))
    })
  })
  expect_identical(types(got), c(rep("chunk", 6L), "end"))
  expect_identical(got[[1L]]$payload, charToRaw("a"))
  expect_identical(got[[2L]]$payload, charToRaw("b\nc\u00e9"))
  expect_identical(got[[3L]]$payload, as.raw(c(0, 255)))
  expect_identical(got[[4L]]$payload, raw())
  expect_identical(got[[6L]]$payload, charToRaw("z"))
  end <- got[[7L]]
  expect_null(end$error)
  expect_true(is.numeric(end$r_ms))
  # One answer was read for each chunk, and no more.
  expect_identical(attr(got, "unread"), 94L * length(ack()))
})

test_that("the first chunk of a direct invocation has the content type", {
  got <- answer_stream(function() runtime$stream_response(function(write) write("a"), content_type = "text/csv"))
  expect_identical(got[[1L]]$content_type, "text/csv")
  expect_null(got[[1L]]$prelude)
})

test_that("the first chunk of an HTTP invocation has the prelude, the others have not", {
  got <- answer_stream(
    function() {
      runtime$stream_response(function(write) {
        write("a")
        write("b")
      }, 201, "text/csv", list("X-A" = c("1", "2")), cookies = "s=1")
    },
    url_event
  )
  expect_identical(got[[1L]]$prelude, list(
    statusCode = 201L, headers = list("Content-Type" = "text/csv", "X-A" = "1, 2"), cookies = list("s=1")
  ))
  expect_null(got[[1L]]$content_type)
  expect_named(got[[2L]], c("type", "id", "payload"))
  got <- answer_stream(function() runtime$stream_response(function(write) write("a"), content_type = NULL), url_event)
  expect_identical(got[[1L]]$prelude, list(statusCode = 200L, headers = structure(list(), names = character())))
})

test_that("a stream that writes nothing is an empty one", {
  for (event in c("", url_event)) {
    got <- answer_stream(function() runtime$stream_response(function(write) NULL), event)
    expect_identical(types(got), c("chunk", "end"))
    expect_identical(got[[1L]]$payload, raw())
    expect_identical(is.null(got[[1L]]$prelude), event == "")
  }
})

test_that("what is large goes in chunks of at most 1 MiB", {
  text <- strrep("\u00e9", 1048576L) # 2 MiB, and with the rest an odd number of bytes
  for (what in list(paste0("x", text), c(charToRaw("x"), charToRaw(text)), raw(1048576L), raw(1048577L))) {
    got <- answer_stream(function() runtime$stream_response(function(write) write(what)))
    chunks <- lapply(Filter(function(frame) identical(frame$type, "chunk"), got), function(frame) frame$payload)
    bytes <- if (is.raw(what)) what else charToRaw(what)
    expect_identical(do.call(c, chunks), bytes)
    expect_identical(length(chunks), as.integer(ceiling(length(bytes) / 1048576)))
  }
})

test_that("an error before the first write() is an ordinary one", {
  fails <- function() runtime$stream_response(function(write) stop("no"))
  got <- answer_stream(fails)
  expect_identical(types(got), "error")
  expect_identical(got[[1L]]$error$message, "no")
  got <- answer_stream(fails, url_event)
  expect_identical(types(got), "result")
  expect_match(rawToChar(got[[1L]]$payload), "\"statusCode\":500")
  got <- answer_stream(function() runtime$stream_response(function(write) runtime$stop_html("no page", code = 404L)), url_event)
  expect_identical(types(got), "result")
  expect_match(rawToChar(got[[1L]]$payload), "\"statusCode\":404")
})

test_that("an error after it ends the stream, with its stack", {
  source_code(c(
    "f <- function(write) {",
    "  write('so far')",
    "  inner()",
    "}",
    "inner <- function() stop('no')"
  ))
  for (event in c("", url_event)) {
    got <- answer_stream(function() runtime$stream_response(get("f", globalenv())), event)
    expect_identical(types(got), c("chunk", "end"))
    expect_identical(got[[2L]]$error[c("type", "message")], list(type = "simpleError", message = "no"))
    expect_identical(
      stack_text(got[[2L]]$error$stack),
      c("f(write)", "inner() (functions.R:3)", "stop(\"no\") (functions.R:5)")
    )
  }
})

test_that("warnings and messages are logged meanwhile", {
  got <- answer_stream(function() {
    runtime$stream_response(function(write) {
      message("one")
      write("a")
      warning("two")
      write("b")
    })
  })
  expect_identical(types(got), c("chunk", "chunk", "end"))
  expect_identical(vapply(attr(got, "log"), `[[`, "", "message"), c("one", "two"))
})

test_that("write() says that the caller has gone, again and again", {
  said <- character()
  handler <- function() {
    runtime$stream_response(function(write) {
      write("a")
      for (i in 1:3) {
        tryCatch(write("b"), stream_closed = function(e) said <<- c(said, conditionMessage(e)))
      }
    })
  }
  got <- answer_stream(handler, acks = c(ack(), ack("connection reset \u00e9")))
  expect_identical(types(got), c("chunk", "chunk", "end")) # no more is sent in vain
  expect_identical(said, rep("the stream is closed: connection reset \u00e9", 3L))
  expect_null(got[[3L]]$error)

  # A handler that does not catch it ends.
  got <- answer_stream(
    function() runtime$stream_response(function(write) repeat write("a")),
    acks = c(ack(), ack("reset"))
  )
  expect_identical(types(got), c("chunk", "chunk", "end"))
  expect_identical(got[[3L]]$error$type, "stream_closed")

  # Bootstrap itself may be gone.
  got <- answer_stream(function() runtime$stream_response(function(write) write("a")), acks = raw())
  expect_match(got[[2L]]$error$message, "bootstrap has gone")
})

test_that("a write() that was kept is of no use later", {
  kept <- NULL
  for (f in list(function(write) { kept <<- write; write("a") }, function(write) { kept <<- write; stop("no") })) {
    answer_stream(function() runtime$stream_response(f))
    expect_error(kept("b"), "it has ended", class = "stream_closed")
  }
})

test_that("a fork of the handler's process cannot write", {
  got <- answer_stream(function() {
    runtime$stream_response(function(write) {
      write("a")
      child <- parallel::mcparallel(tryCatch(write("b"), error = conditionMessage))
      write(parallel::mccollect(child)[[1L]])
    })
  })
  expect_identical(texts(got), c("a", "write() works only in the handler's process, not in a fork of it"))
})

test_that("options that user code sets do not change how frames are written", {
  withr::local_options(OutDec = ".", scipen = 0L, digits = 7L)
  got <- answer_stream(function() {
    options(OutDec = ",", scipen = -20L, digits = 1L)
    runtime$stream_response(function(write) write("a"), 201L)
  }, url_event)
  expect_identical(got[[1L]]$prelude$statusCode, 201L)
  expect_identical(types(got), c("chunk", "end"))
})
