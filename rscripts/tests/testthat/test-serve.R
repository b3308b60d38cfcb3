local_edition(3)

# answer_frames() runs one invocation and returns the reply's control frame, parsed, and its
# payload as text.
answer_frames <- function(handler, event = "") {
  io <- file_io()
  runtime$answer(list(id = "1"), charToRaw(event), runtime$new_handler(handler, "handler"), io)
  frames <- replies(io)
  control <- rawToChar(frames[[1L]])
  payload <- if (length(frames) > 1L) frames[[2L]]
  list(control = jsonlite::parse_json(control), payload = if (!is.null(payload)) rawToChar(payload))
}

test_that("an invocation is answered with a result or an error", {
  got <- answer_frames(function(x) list(y = x), "{\"x\":2}")
  expect_identical(got$control[c("type", "id")], list(type = "result", id = "1"))
  expect_true(is.numeric(got$control$r_ms))
  expect_identical(got$payload, "{\"y\":2}")

  got <- answer_frames(function() stop("no"))
  expect_identical(got$control[c("type", "id")], list(type = "error", id = "1"))
  expect_identical(got$control$error[c("type", "message")], list(type = "simpleError", message = "no"))
  expect_null(got$payload)
})

test_that("the steps of an invocation are timed if bootstrap asks for hints", {
  expect_null(answer_frames(function() 1)$control$steps)
  withr::defer(runtime$settings$hints <- NULL)
  runtime$settings$hints <- TRUE
  times <- function(handler, event = "{}") {
    control <- answer_frames(handler, event)$control
    expect_equal(sum(unlist(control$steps)), control$r_ms, tolerance = 0.01)
    control$steps
  }
  steps <- times(function() Sys.sleep(0.02))
  expect_named(steps, c("decode", "handler", "encode"))
  expect_gte(steps$handler, 20)
  expect_named(times(function() stop("no")), c("decode", "handler"))
  expect_named(times(function() 1, "no JSON"), "decode")
})

test_that("options that user code sets do not change how frames are written", {
  withr::local_options(OutDec = ".", scipen = 0L, digits = 7L)
  handler <- function() {
    options(OutDec = ",", scipen = -20L, digits = 1L)
    1.25
  }
  # A whole number of milliseconds would hide a decimal comma: not five times.
  for (got in replicate(5L, answer_frames(handler), simplify = FALSE)) {
    expect_identical(got$control$type, "result")
    expect_identical(got$payload, "1.25")
  }
})

# serve_all() serves the request frames with a handler and returns what was sent back.
serve_all <- function(handler, ..., env = parent.frame()) {
  io <- file_io(c(...), env = env)
  withr::defer(runtime$current$invocation <- runtime$current$log <- NULL, envir = env)
  suspendInterrupts(runtime$serve(runtime$new_handler(handler, "handler"), io))
  structure(replies(io), log = log_records(io))
}

invoke <- function(id, event) {
  c(runtime$control_frame(type = "invoke", id = id), runtime$frame_bytes(charToRaw(event)))
}

test_that("invocations are served in order, until bootstrap closes the pipe", {
  keep_settings()
  runtime$on_shutdown(function() stop("a hook ran"))
  sent <- serve_all(function(x) x * 2, invoke("1", "{\"x\":1}"), invoke("2", "{\"y\":1}"), invoke("3", "{\"x\":3}"))
  control <- lapply(sent[c(1L, 3L, 4L)], function(bytes) jsonlite::parse_json(rawToChar(bytes)))
  expect_identical(lapply(control, function(frame) frame[c("type", "id")]), list(
    list(type = "result", id = "1"), list(type = "error", id = "2"), list(type = "result", id = "3")
  ))
  expect_identical(vapply(sent[c(2L, 5L)], rawToChar, character(1)), c("2", "6"))
  expect_null(runtime$current$invocation)
})

test_that("hooks run at shutdown, where no invocation does", {
  keep_settings()
  left <- NULL
  runtime$on_shutdown(function() {
    left <<- runtime$remaining_ms()
    runtime$lambda_log("info", "bye")
  })
  frames <- c(
    runtime$control_frame(type = "invoke", id = "1", deadline_ms = runtime$now_ms() + 5000), runtime$frame_bytes(raw()),
    runtime$control_frame(type = "shutdown")
  )
  sent <- serve_all(function() 1, frames)
  expect_identical(left, Inf)
  expect_length(sent, 2L)
  expect_identical(attr(sent, "log"), list(list(id = NULL, level = "info", message = "bye")))
})

test_that("the phases of SnapStart are gone through before invocations", {
  keep_settings()
  withr::local_envvar(AWS_SESSION_TOKEN = "old")
  renew <- runtime$renew
  runtime$renew <- function() NULL
  withr::defer(runtime$renew <- renew)
  steps <- character()
  step <- function(name) steps <<- c(steps, paste(name, Sys.getenv("AWS_SESSION_TOKEN")))
  runtime$lambda_config(prime = list(x = 0L))
  runtime$on_snapshot(function() step("snapshot"))
  runtime$on_restore(function() step("restore"))
  sent <- serve_all(
    function(x) step(x),
    runtime$control_frame(type = "prime"), runtime$control_frame(type = "snapshot"),
    runtime$control_frame(type = "restore", env = list(AWS_SESSION_TOKEN = "new")), invoke("1", "{\"x\":1}"),
    runtime$control_frame(type = "invoke", id = "2", env = list(AWS_SESSION_TOKEN = "newer")),
    runtime$frame_bytes(charToRaw("{\"x\":2}"))
  )
  expect_identical(steps, c("0 old", "snapshot old", "restore new", "1 new", "2 newer"))
  types <- lapply(sent[c(1:4, 6L)], function(bytes) jsonlite::parse_json(rawToChar(bytes))$type)
  expect_identical(unlist(types), c("entered", "entered", "entered", "result", "result"))
})

test_that("an HTTP caller gets a response for a failure, without its details", {
  event <- "{\"rawPath\":\"/\",\"requestContext\":{\"http\":{\"method\":\"GET\"}}}"
  got <- answer_frames(function() stop("password is 123"), event)
  expect_identical(got$control$type, "result")
  expect_identical(got$control$error$message, "password is 123")
  expect_identical(jsonlite::parse_json(got$payload)$statusCode, 500L)
  expect_no_match(got$payload, "password")

  # A 4xx is the caller's: a record of level info says so, and nothing failed.
  io <- file_io()
  handler <- runtime$new_handler(function() runtime$stop_html("no such city", code = 404L), "handler")
  runtime$answer(list(id = "1"), charToRaw(event), handler, io)
  sent <- replies(io)
  expect_identical(log_records(io), list(list(id = "1", level = "info", message = "answered 404: no such city")))
  result <- jsonlite::parse_json(rawToChar(sent[[1L]]))
  expect_identical(result$type, "result")
  expect_null(result$error)
  expect_identical(jsonlite::parse_json(rawToChar(sent[[2L]]))$body, "no such city")
})

test_that("a file of file_response() is deleted once sent, if the handler made it for that", {
  in_user_dir()
  made <- function(path = tempfile(fileext = ".csv")) {
    writeLines("x", path)
    path
  }
  sends <- function(path, ...) {
    answer_frames(function() runtime$file_response(path(), ...))$payload
    path
  }
  mine <- NULL
  new <- function() mine <<- made()
  for (i in 1:3) {
    sends(new)
    expect_false(file.exists(mine))
  }
  # It may be sent twice, and read after it was given away.
  got <- answer_frames(function() {
    new()
    runtime$file_response(mine)
    list(runtime$file_response(mine)$status, readLines(mine))
  })
  expect_identical(got$payload, "[200,\"x\"]")
  expect_false(file.exists(mine))

  sends(new, keep = TRUE)
  expect_true(file.exists(mine))
  outside <- made(file.path(withr::local_tempdir(tmpdir = dirname(tempdir())), "mine.csv"))
  sends(function() made(outside))
  expect_true(file.exists(outside))

  # One that an earlier invocation made, to send it again.
  cached <- made()
  while (as.numeric(file.info(cached)$ctime) * 1000 >= runtime$now_ms() - 2 * runtime$clock_tick) NULL
  sends(function() cached)
  expect_true(file.exists(cached))
  # A link to a file outside.
  link <- tempfile()
  file.symlink(outside, link)
  sends(function() link)
  expect_true(file.exists(outside))
  unlink(c(cached, link, mine))
})
