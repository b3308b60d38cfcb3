# The functions that user code calls. They are attached to its search path, as "lambda".

# attach_user_api() puts the helpers behind the user's objects and packages.
attach_user_api <- function() {
  register_methods()
  helpers <- list(
    as_response = as_response,
    as_result = as_result,
    batch_handler = batch_handler,
    event_records = event_records,
    file_response = file_response,
    html_response = html_response,
    lambda_config = lambda_config,
    lambda_log = lambda_log,
    on_shutdown = on_shutdown,
    png_response = png_response,
    remaining_ms = remaining_ms,
    stop_html = stop_html,
    stream_response = stream_response
  )
  attach(helpers, name = "lambda", pos = length(search()))
}

# lambda_config() says how events and results are read and written; it is called when the
# handler's file is loaded. What is not given stays as it is.
#
# simplify: FALSE leaves arrays lists, instead of making vectors and data frames of them.
# deserialiser: function(text), what makes the R value of an event's JSON text, on HTTP
#   sources of the body's; identity gives the text itself.
# serialiser: function(value), what makes the JSON text of a result, on HTTP sources of
#   the body; identity sends a result that is text as it is.
# decode_base64: FALSE leaves a request's body in base64, if it came so.
lambda_config <- function(simplify = NULL, deserialiser = NULL, serialiser = NULL, decode_base64 = NULL) {
  set_flag("simplify", simplify)
  set_flag("decode_base64", decode_base64)
  set_function("deserialiser", deserialiser)
  set_function("serialiser", serialiser)
  invisible()
}

# remaining_ms() is how many milliseconds are left until the deadline of the invocation
# that runs, Inf where there is none. context$remaining_ms() is the same.
remaining_ms <- function() ms_until(current$invocation$frame$deadline_ms)

# lambda_log() writes one log record of the invocation that runs, with its request id.
#
# level: "trace", "debug", "info", "warn", "error" or "fatal"; LOG_LEVEL drops those below it.
# message: text; nothing in it is interpolated.
# ...: further fields of the record, by name: lambda_log("info", "fitted", rows = 100L).
lambda_log <- function(level, message, ...) {
  if (!is_string(level) || !level %in% c("trace", "debug", "info", "warn", "error", "fatal")) {
    stop("lambda_log(): level is \"trace\", \"debug\", \"info\", \"warn\", \"error\" or \"fatal\"")
  }
  fields <- list(...)
  if (length(fields) && (is.null(names(fields)) || !all(nzchar(names(fields))))) {
    stop("lambda_log(): fields have names: lambda_log(\"info\", \"fitted\", rows = 100L)")
  }
  current$log(level, message, NULL, fields)
  invisible()
}

# on_shutdown() registers `f`, a function without arguments, to be called when the
# runtime ends this R in good order: at SIGTERM, at Ctrl-C, and when a worker is recycled.
# Register hooks while the handler's file loads: Lambda sends SIGTERM only if there is a hook
# before the first invocation. All hooks together have less than 400 ms and run last
# registered first. An R that crashes or is killed runs none. Returns `f`, invisibly.
on_shutdown <- function(f) {
  if (!is.function(f)) {
    stop("on_shutdown() takes a function without arguments, not ", class(f)[[1L]])
  }
  settings$shutdown_hooks <- c(list(f), settings$shutdown_hooks)
  invisible(f)
}

# event_records() returns the records of an event, a list of plain lists: each has the
# record's own fields as they came, never simplified, and `data`, the decoded payload:
#
#   sqs       the body: JSON if it is an object or an array, else text
#   sns       the message, likewise
#   kinesis   the bytes: JSON if they are an object or an array, else text, else raw
#   msk       the value, as kinesis; NULL for none. Also key_data, likewise, and
#             header_data, a list of text or raw by the headers' names
#   dynamodb  list(keys, new, old): items as named lists, NULL where the stream has none
#   s3        list(bucket, key, size, version), the key as the object is named
#   s3-batch  list(bucket, key, version), likewise
#   logs      the line's message, as sqs; logGroup and logStream are in each record
#
# JSON in a payload is simplified as events are. (KPL aggregates of kinesis are not taken
# apart.)
#
# event: the event of the invocation that runs, if it is missing. A handler's own formal
#   `event` does, too. An event in another one, such as S3's in a message of SQS, is given
#   as the JSON text that it comes as: event_records(record$body).
event_records <- function(event) {
  in_runtime(tryCatch(
    {
      batch <- undecoded_records(if (missing(event)) invocation_event() else event)
      lapply(seq_along(batch$records), function(i) {
        tryCatch(decode_record(batch$records[[i]], batch$source), error = function(e) {
          stop("record ", i, ": ", condition_text(e))
        })
      })
    },
    error = function(e) stop("event_records(): ", condition_text(e), call. = FALSE)
  ))
}

# batch_handler() makes a handler of `f`, a function of one record, and of `context` if it
# wants it: process <- batch_handler(function(record, context) ...).
#
# f is called for each record of an event of SQS, Kinesis, DynamoDB streams or Kafka, as
# event_records() gives them. A record whose call signals an error has failed: the error
# is logged, and the record is reported in `batchItemFailures`. Where order matters, the
# records that come after a failed one are not tried: on a FIFO queue, in a stream, and
# within a partition of Kafka. They are sent again with it.
#
# The event source mapping must have ReportBatchItemFailures among its function response
# types; if not, Lambda takes every batch for done.
batch_handler <- function(f) {
  if (!is.function(f)) {
    stop("batch_handler() takes a function of a record, not ", class(f)[[1L]], call. = FALSE)
  }
  takes <- handler_arguments(f)
  first <- setdiff_strings(takes$names, "context")
  if (!length(first) && !takes$dots) {
    stop("batch_handler(): the function has no argument for the record", call. = FALSE)
  }
  others <- setdiff_strings(takes$required, utils::head(first, 1L))
  if (length(others)) {
    stop(
      "batch_handler(): the function gets a record, and context if it wants it; nothing can be given for ",
      quoted(others),
      call. = FALSE
    )
  }
  handler <- function(event, context) {
    # The user's functions are compiled, the runtime's are not.
    user_jit_off()
    on.exit(user_jit_on())
    process_batch(event, function(record) {
      env <- list2env(list(f = f, record = record), parent = globalenv())
      if (takes$context) {
        env$context <- context
        call_user(quote(f(record, context = context)), env)
      } else {
        call_user(quote(f(record)), env)
      }
    })
  }
  structure(handler, class = c("batch_handler", "function"))
}

# html_response() makes a response of its own making of a handler's result.
#
# body: a string, raw bytes, or NULL; anything else becomes JSON.
# status_code: 100 to 599.
# content_type: of the body; with "application/json" a value that is no string is what
#   you expect. Headers may have a Content-Type instead.
# headers: a named list; a value of several strings is a header that comes as often.
# is_base64: the body is a string in base64 already, of bytes. (Raw bytes need no such
#   thing: they are sent in base64 where their content type is not text.)
# cookies: whole Set-Cookie values, for example "session=1; HttpOnly; Secure".
html_response <- function(body = NULL, status_code = 200L, content_type = "text/html; charset=utf-8",
                          headers = list(), is_base64 = FALSE, cookies = NULL) {
  status <- suppressWarnings(as.integer(status_code))
  if (length(status) != 1L || is.na(status) || status < 100L || status > 599L) {
    stop("status_code is a number from 100 to 599")
  }
  headers <- check_headers(as.list(headers))
  if (!"content-type" %in% tolower(names(headers)) && !is.null(content_type) && !is.null(body)) {
    headers <- c(check_headers(list("Content-Type" = content_type)), headers)
  }
  if (!is.null(body) && !is_string(body) && !is.raw(body)) {
    body <- serialise(body)
  }
  structure(
    list(
      status = status, headers = headers,
      cookies = unlist(check_headers(list("Set-Cookie" = as.character(cookies))), use.names = FALSE),
      body = if (is.character(body)) enc2utf8(as.character(body)) else body,
      is_base64 = isTRUE(is_base64) && !is.raw(body)
    ),
    class = "lambda_response"
  )
}

# stop_html() stops the handler and answers an HTTP request with the status `code` and
# the text that `...` pastes together, which the caller reads. On other sources it is an
# error like any other, of class html_error.
stop_html <- function(..., code = 500L) {
  status <- error_status(code)
  if (is.null(status)) {
    stop("stop_html(): code is a status from 400 to 599")
  }
  stop(structure(
    class = c("html_error", "error", "condition"),
    list(message = paste0(...), call = NULL, code = status)
  ))
}

# file_response() returns a file as a response. The content type is told by the name's
# ending; binary files are sent in base64. A path with ".." is refused: who makes a path
# of what an event says should not serve the whole disk.
file_response <- function(path, content_type = NULL, headers = list()) {
  if (!is_string(path)) {
    stop("file_response(): path is one string")
  }
  if (".." %in% strsplit(path, "/", fixed = TRUE)[[1L]]) {
    stop("file_response(): a path cannot go up by \"..\": ", quoted(path))
  }
  if (!file.exists(path) || dir.exists(path)) {
    stop("file_response(): there is no file ", quoted(path), " in ", getwd())
  }
  type <- if (is.null(content_type)) content_type_of(path) else content_type
  html_response(readBin(path, "raw", file.size(path)), content_type = type, headers = headers)
}

# png_response() draws a plot and returns it as a response of type image/png. It is a
# plot object, or code that draws: png_response(hist(x)), png_response({ plot(x); abline(h = 0) }).
# Width and height are in pixels, `res` in pixels an inch.
png_response <- function(plot, width = 800, height = 600, res = 96, headers = list()) {
  html_response(png_bytes(plot, width, height, res), content_type = "image/png", headers = headers)
}

# stream_response() makes a streamed response of a handler's result. When the handler has
# returned it, the runtime calls f(write), and write(x) sends x at once: text (the
# elements of a vector one after the other, as they are), or raw bytes. It returns when
# x was passed on, so R goes no faster than the caller reads. When nobody reads any more,
# it signals an error of class stream_closed.
#
# status_code, content_type, headers, cookies: as in html_response(). They are for HTTP
#   sources; a direct caller gets to know the content type.
#
# An error before the first write() is reported as any other. After it, the caller has
# part of the response, and hears that it broke off.
stream_response <- function(f, status_code = 200L, content_type = "text/plain; charset=utf-8",
                            headers = list(), cookies = NULL) {
  if (!is.function(f)) {
    stop("stream_response() takes a function of one argument, write, not ", class(f)[[1L]])
  }
  structure(
    list(f = f, response = html_response("", status_code, content_type, headers, cookies = cookies)),
    class = "lambda_stream"
  )
}
