# The functions that user code calls: the exports of the package lambdaruntime. (Its two generics,
# which it writes methods for, are in as-response.R.)

# lambda_config() sets how events and results are read and written. Call it in the handler's
# file. Arguments that are not given keep their values.
#
# simplify: TRUE makes vectors and data frames of the arrays in events, FALSE leaves lists. The
#   default is TRUE, or what the environment variable LAMBDA_R_SIMPLIFY says.
# integers: "double" makes doubles of the whole numbers in events. The default is "integer": they
#   become R's integers if they fit, whose products and sums are NA from 2^31 on.
# keep_names: TRUE sends vectors with names as objects and matrices with names as rows; FALSE, the
#   default, leaves their names out.
# deserialiser: function(text), which returns the R value of an event's JSON text, on HTTP
#   sources of the body. With `identity` handlers get the text.
# serialiser: function(value), which returns the JSON text of a result, on HTTP sources of the
#   body. With `identity` a result that is a string is sent unchanged.
# decode_base64: FALSE gives handlers a body that arrives in base64 without decoding it.
# keep_seed: TRUE keeps the random seed that the handler's file has set, see set.seed(). By default
#   each worker draws its own random numbers.
# prime: sample events. With SnapStart, the handler is called with each of them before the snapshot.
#   One of:
#   - an event, a list with names, or a list of events;
#   - JSON text, or the path of a JSON file: one event, or an array of events;
#   - a function without arguments, which is called instead.
#   An array of two equal events calls the handler twice: R compiles many functions at their second
#   call.
# prime_on_error: "continue" logs an error in priming as a warning. With "stop", the default, the
#   version is not published.
#
# Returns NULL, invisibly. Stops if an argument has the wrong type.
lambda_config <- function(simplify = NULL, deserialiser = NULL, serialiser = NULL, decode_base64 = NULL,
                          keep_seed = NULL, integers = NULL, keep_names = NULL, prime = NULL, prime_on_error = NULL) {
  set_flag("simplify", simplify)
  set_flag("keep_names", keep_names)
  set_choice("integers", integers, c("integer", "double"))
  set_flag("decode_base64", decode_base64)
  set_flag("keep_seed", keep_seed)
  set_function("deserialiser", deserialiser)
  set_function("serialiser", serialiser)
  set_choice("prime_on_error", prime_on_error, c("stop", "continue"))
  if (!is.null(prime)) {
    settings$prime <- in_runtime(read_prime_setting(prime))
  }
  invisible()
}

# remaining_ms() returns how many milliseconds are left until the deadline of the invocation
# that runs, Inf outside of an invocation. context$remaining_ms() returns the same.
remaining_ms <- function() ms_until(current$invocation$frame$deadline_ms)

# lambda_log() writes a log record with the request id of the invocation that runs.
#
# level: "trace", "debug", "info", "warn", "error" or "fatal". Lambda drops records below the
#   function's log level.
# message: text, which is logged unchanged: it is not a format.
# ...: further fields of the record, by name: lambda_log("info", "fitted", rows = 100L).
#
# Returns NULL, invisibly, when the record is in the log. Stops on an unknown level, and on a
# field without a name.
lambda_log <- function(level, message, ...) {
  if (!is_string(level) || !level %in% names(log_levels)) {
    stop("lambda_log(): level must be \"trace\", \"debug\", \"info\", \"warn\", \"error\" or \"fatal\"")
  }
  fields <- list(...)
  if (length(fields) && (is.null(names(fields)) || !all(nzchar(names(fields))))) {
    stop("lambda_log(): fields must have names, for example lambda_log(\"info\", \"fitted\", rows = 100L)")
  }
  current$log(level, message, NULL, fields)
  invisible()
}

# log_metric() writes a metric to the log, in the embedded metric format of CloudWatch. CloudWatch
# makes a metric of it, with the dimension FunctionName.
#
# name: the name of the metric.
# value: one or more finite numbers, at most 100.
# unit: a unit of CloudWatch, for example "Count", "Milliseconds", "Bytes" or "Percent".
# ...: further fields of the log line, by name. CloudWatch makes no metrics of them.
# dimensions: named strings. Each combination of values is a metric of its own, with its own price:
#   use no values from events.
# namespace: where CloudWatch shows the metric; by default the name of the function.
#
# Returns NULL, invisibly. Stops on an argument that CloudWatch would ignore.
log_metric <- function(name, value, unit = "None", ..., dimensions = NULL, namespace = NULL) {
  current$log("info", NULL, line = metric_json(name, value, unit, list(...), dimensions, namespace))
  invisible()
}

# on_shutdown() registers a hook, which runs when the runtime ends this R in good order: at
# SIGTERM, at Ctrl-C, and when a worker is recycled. An R that crashes or is killed runs none.
#
# Register hooks in the handler's file: Lambda sends SIGTERM only if there is a hook before the
# first invocation. The last hook registered runs first, and all together have less than 400 ms.
#
# f: a function without arguments. If it stops, the error is logged, and the other hooks run.
#
# Returns `f`, invisibly. Stops if it is not a function.
on_shutdown <- function(f) {
  settings$shutdown_hooks <- c(list(check_hook("on_shutdown", f)), settings$shutdown_hooks)
  invisible(f)
}

# on_snapshot() and on_restore() register hooks for SnapStart; without it, they never run. Hooks of
# on_snapshot() run before Lambda takes the snapshot of the initialised environment, the last one
# registered first. Hooks of on_restore() run in each environment that is made from the snapshot,
# before its first invocation, the first one registered first. They have less than 10 s together.
#
# Register hooks in the handler's file: on_snapshot() to close a connection, on_restore() to open it.
#
# f: a function without arguments. If a hook of on_snapshot() stops, the version is not published; if
#   one of on_restore() stops, the environment serves no invocation.
#
# Return `f`, invisibly. Stop if it is not a function, or needs an argument.
on_snapshot <- function(f) {
  settings$snapshot_hooks <- c(settings$snapshot_hooks, list(check_hook("on_snapshot", f)))
  invisible(f)
}

on_restore <- function(f) {
  settings$restore_hooks <- c(settings$restore_hooks, list(check_hook("on_restore", f)))
  invisible(f)
}

# on_fork() registers a hook, which runs in each worker that is forked from an R that has loaded the
# handler, before it takes invocations. It opens again what forked processes must not share, such
# as a database connection. The first hook registered runs first. A hook that stops fails the start
# of the worker. A worker that was not forked has what the handler's file has opened, and runs none.
#
# f: a function without arguments.
#
# Returns `f`, invisibly. Stops if it is not a function, or needs an argument.
on_fork <- function(f) {
  settings$fork_hooks <- c(settings$fork_hooks, list(check_hook("on_fork", f)))
  invisible(f)
}

# event_records() returns the records of an event as a list. Each record is a list of its own
# fields, never simplified, and `data`, the decoded payload. The entries of sources.R add `data`;
# the table of sources in docs/events.md describes it, and the other fields that they add.
#
# JSON in a payload is simplified as events are. KPL aggregates of kinesis are not taken apart.
#
# event: the event; by default that of the invocation that runs, which is also what a handler's
#   argument `event` gets. For an event nested in another one, such as S3's in a message of
#   SQS, pass its JSON text: event_records(record$body).
#
# Stops if the event has no records, or if one of them cannot be decoded.
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

# batch_handler() makes a handler that calls `f` for each record of an event, of a source such as
# SQS, Kinesis or Kafka: process <- batch_handler(function(record, context) ...).
#
# f: a function of a record, as event_records() returns it, and optionally of `context`. Its
#   value is ignored, except for Firehose: there it is the transformed record, and NULL drops the
#   record. If it stops, the record has failed: the error is logged, and the handler
#   reports the record in `batchItemFailures`, so that it is sent again. Where order matters,
#   the records behind a failed one are not tried but reported with it: on a FIFO queue, in a
#   stream, and in a partition of Kafka.
#
# The event source mapping must have ReportBatchItemFailures among its function response types.
# Otherwise Lambda counts every batch as processed.
#
# Returns a function. Stops if `f` cannot be called with a record.
batch_handler <- function(f) {
  if (!is.function(f)) {
    stop("batch_handler(): f must be a function of a record, not ", class(f)[[1L]], call. = FALSE)
  }
  if (inherits(f, "durable_handler")) {
    stop(
      "batch_handler(): f is made by durable(), which takes a whole event: ",
      "pass event_records(event) to durable_map() in it",
      call. = FALSE
    )
  }
  takes <- handler_arguments(f)
  first <- setdiff_strings(takes$names, "context")
  if (!length(first) && !takes$dots) {
    stop("batch_handler(): f has no argument for the record", call. = FALSE)
  }
  others <- setdiff_strings(takes$required, utils::head(first, 1L))
  if (length(others)) {
    stop(
      "batch_handler(): f is called with a record, and with context if it takes it; give ", quoted(others),
      " a default",
      call. = FALSE
    )
  }
  handler <- function(event, context) {
    # The compiler is for the user's functions, see user-code.R.
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

# html_response() turns a result into an HTTP response with the given status, headers and body.
#
# body: a string, raw bytes or NULL. Anything else becomes JSON.
# status_code: a number from 100 to 599.
# content_type: the body's type, unless `headers` has a Content-Type. Raw bytes are sent in
#   base64 unless their type is text.
# headers: a named list. A value of several strings is sent as several headers.
# is_base64: TRUE for a body that is a string in base64, of bytes.
# cookies: whole Set-Cookie values, for example "session=1; HttpOnly; Secure".
#
# Returns a response, for the handler to return. Stops on a wrong status, and on a header with
# an invalid name or a control character in it.
html_response <- function(body = NULL, status_code = 200L, content_type = "text/html; charset=utf-8",
                          headers = list(), is_base64 = FALSE, cookies = NULL) {
  status <- suppressWarnings(as.integer(status_code))
  if (length(status) != 1L || is.na(status) || status < 100L || status > 599L) {
    stop("status_code must be a number from 100 to 599")
  }
  fields <- header_fields(headers, cookies)
  if (is.null(header_value(fields$headers, "content-type")) && !is.null(body)) {
    fields$headers <- c(check_headers(list("Content-Type" = content_type)), fields$headers)
  }
  if (!is.null(body) && !is_string(body) && !is.raw(body)) {
    body <- serialise(body)
  }
  structure(
    list(
      status = status, headers = fields$headers, cookies = fields$cookies,
      body = if (is.character(body)) enc2utf8(as.character(body)) else body,
      is_base64 = isTRUE(is_base64) && !is.raw(body)
    ),
    class = "lambda_response"
  )
}

# stop_html() stops the handler and answers an HTTP request with an error that the caller reads.
# On other sources it is an error like any other, of class html_error.
#
# ...: the message, pasted together without a separator.
# code: the status, from 400 to 599.
stop_html <- function(..., code = 500L) {
  status <- error_status(code)
  if (is.null(status)) {
    stop("stop_html(): code must be a status from 400 to 599")
  }
  stop(structure(
    class = c("html_error", "error", "condition"),
    list(message = paste0(...), call = NULL, code = status)
  ))
}

# file_response() returns a file as an HTTP response.
#
# path: the file. A path with ".." is refused: a path made from an event must not reach the
#   whole disk.
# content_type: the file's type; by default that of its name's ending.
# headers: as for html_response().
# keep: FALSE deletes the file at the end of the invocation, if the handler made it in tempdir()
#   during this invocation: otherwise such files would fill /tmp. Other files are never deleted.
#
# Returns a response. Stops if there is no such file.
file_response <- function(path, content_type = NULL, headers = list(), keep = FALSE) {
  if (!is_string(path)) {
    stop("file_response(): path must be one string")
  }
  if (".." %in% strsplit(path, "/", fixed = TRUE)[[1L]]) {
    stop("file_response(): a path must not contain \"..\": ", quoted(path))
  }
  if (!is_file(path)) {
    stop("file_response(): there is no file ", quoted(path), " in ", getwd())
  }
  type <- if (is.null(content_type)) content_type_of(path) else content_type
  if (!isTRUE(keep)) {
    delete_once_sent(path)
  }
  html_response(readBin(path, "raw", file.size(path)), content_type = type, headers = headers)
}

# png_response() draws a plot and returns it as an HTTP response of type image/png.
#
# plot: a plot of ggplot2, lattice, grid or recordPlot(), or code that draws:
#   png_response(hist(x)), png_response({ plot(x); abline(h = 0) }).
# width, height: in pixels.
# res: in pixels per inch.
# headers: as for html_response().
#
# Returns a response. Stops if nothing was drawn.
png_response <- function(plot, width = 800, height = 600, res = 96, headers = list()) {
  html_response(png_bytes(plot, width, height, res), content_type = "image/png", headers = headers)
}

# svg_response() and pdf_response() draw a plot and return it as an HTTP response of type
# image/svg+xml or application/pdf. A PDF has a page for each plot, an SVG is the last one.
#
# plot, headers: as for png_response().
# width, height: in inches.
#
# Return a response. Stop if nothing was drawn.
svg_response <- function(plot, width = 8, height = 6, headers = list()) {
  html_response(svg_bytes(plot, width, height), content_type = "image/svg+xml", headers = headers)
}

pdf_response <- function(plot, width = 8, height = 6, headers = list()) {
  html_response(pdf_bytes(plot, width, height), content_type = "application/pdf", headers = headers)
}

# stream_response() makes a response that is sent while it is written.
#
# f: function(write), which the runtime calls when the handler has returned. write(x) sends text
#   (the elements of a vector one after the other, without a separator) or raw bytes. It
#   returns when bootstrap has passed x on, so R runs no faster than the caller reads. When the
#   caller has gone, it stops with an error of class stream_closed.
# status_code, content_type, headers, cookies: as for html_response(), on HTTP sources. A direct
#   caller gets only the content type.
#
# An error before the first write() is reported like any other. After it, the caller has a part
# of the response and learns that it is incomplete.
#
# Returns a response, for the handler to return.
stream_response <- function(f, status_code = 200L, content_type = "text/plain; charset=utf-8",
                            headers = list(), cookies = NULL) {
  if (!is.function(f)) {
    stop("stream_response(): f must be a function of one argument, write, not ", class(f)[[1L]])
  }
  structure(
    list(f = f, response = html_response("", status_code, content_type, headers, cookies = cookies)),
    class = "lambda_stream"
  )
}
