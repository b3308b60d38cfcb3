# Priming: the handler runs on sample events before the snapshot, so that its closures are compiled
# and the data of its packages is loaded.

# prime() primes the handler. It returns NULL, or the failure of the first event that fails.
prime <- function(handler, deadline_ms, io) {
  seed <- seed_state()
  on.exit({
    set_seed_state(seed)
    current$invocation <- NULL
  })
  plan <- settings$prime
  if (is.function(plan)) {
    env <- list2env(list(prime = plan), parent = globalenv())
    return(prime_once(function(invocation) call_user(quote(prime()), env), NULL, deadline_ms, io))
  }
  for (i in seq_along(plan$events)) {
    label <- c(
      if (!is.null(plan$file)) clean_text(plan$file, 1024L),
      if (length(plan$events) > 1L) paste0("event ", i, " of ", length(plan$events))
    )
    failed <- prime_once(function(invocation) {
      check_primed(evaluate(invocation, handler, charToRaw(plan$events[[i]])), invocation$event, handler)
    }, label, deadline_ms, io)
    if (!is.null(failed)) {
      return(failed)
    }
  }
}

# prime_once() calls run(invocation) with the context of an invocation, and undoes what answer()
# undoes after one. It returns NULL, or a failure whose message begins with `label`.
prime_once <- function(run, label, deadline_ms, io) {
  set_trace_id(NULL)
  begin_phase_work(list(id = "priming", deadline_ms = deadline_ms), io)
  invocation <- current$invocation
  invocation$whole <- TRUE
  outcome <- with_conditions(function() with_interrupts(run(invocation)), current$log)
  end_user_code(io)
  unlink(invocation$sent_files)
  restore_process_state(current$log)
  failed <- if (inherits(outcome, "failure")) outcome else attr(outcome, "failure")
  if (identical(failed$type, "html_error") && is_callers_fault(failed)) {
    current$log("info", paste0("answered ", attr(failed, "answer")$code, ": ", failed$message))
    failed <- NULL
  }
  if (!is.null(failed)) {
    failed$message <- paste(c(label, failed$message), collapse = ": ")
  }
  failed
}

# check_primed() returns a result, unless it stands for an error of the handler: a response with
# status 5xx, or a batch with a record that failed.
check_primed <- function(json, event, handler) {
  if (!is.null(attr(json, "failure"))) {
    return(json)
  }
  if (is_http(event$source)) {
    status <- pluck(parse_result(json), "statusCode")
    if (is.numeric(status) && status >= 500) {
      fail("Runtime.PrimingError", "the handler answered with status ", status)
    } else if (is.numeric(status) && status >= 400) {
      current$log("info", paste0("answered ", status))
    }
  } else if (handler$kind == "batch") {
    result <- parse_result(json)
    failed <- length(result$batchItemFailures) +
      sum(vapply(result$records, function(record) identical(record$result, "ProcessingFailed"), logical(1)))
    if (failed) {
      fail("Runtime.PrimingError", failed, " record", plural_s(seq_len(failed)), " failed")
    }
  }
  json
}

# parse_result() parses the JSON of a result. That of the user's serialiser can be any text.
parse_result <- function(json) tryCatch(jsonlite::parse_json(json), error = function(e) NULL)

# read_prime_setting() returns what lambda_config(prime = ) asks for: a function, or a list of
# `events`, JSON texts, and the `file` that they are from. It stops if that is not possible.
read_prime_setting <- function(prime) {
  if (is.function(prime)) {
    if (length(required_arguments(prime))) {
      stop("lambda_config(): prime is a function, which must work without arguments", call. = FALSE)
    }
    return(prime)
  }
  if (is_string(prime)) {
    return(prime_events_of_text(prime))
  }
  if (!is.list(prime) || is.data.frame(prime) || !length(prime) && is.null(names(prime))) {
    stop(
      "lambda_config(): prime must be an event (a list with names), a list of events, JSON text, the path of a JSON file ",
      "or a function without arguments",
      call. = FALSE
    )
  }
  list(events = lapply(if (is.null(names(prime))) prime else list(prime), prime_event))
}

# prime_event() returns the JSON of an event that is an R value.
prime_event <- function(event) {
  tryCatch(encode_or_fail(event, "event"), error = function(e) {
    stop("lambda_config(): prime: ", condition_text(e), call. = FALSE)
  })
}

# prime_events_of_text() returns the events of JSON text, or of the file that `text` names. An array
# is several events.
prime_events_of_text <- function(text) {
  file <- if (file.exists(text) && !dir.exists(text)) text
  what <- if (is.null(file)) "the text of prime" else paste0("prime = ", quoted(text))
  if (is.null(file) && !begins_json(text)) {
    stop("lambda_config(): prime = ", quoted(text), ": there is no such file in ", getwd(), call. = FALSE)
  }
  events <- tryCatch(
    {
      json <- if (is.null(file)) text else bytes_to_text(readBin(file, "raw", file.size(file)))
      split_events(without_mark(json))
    },
    error = function(e) stop("lambda_config(): ", what, " is not valid JSON: ", condition_text(e), call. = FALSE)
  )
  if (!length(events)) {
    stop("lambda_config(): ", what, " has no event", call. = FALSE)
  }
  list(events = events, file = file)
}

# split_events() returns the texts of the elements of a JSON array, or the text itself if it is not
# an array.
split_events <- function(json) {
  validate_json(json)
  if (!grepl("^[ \t\r\n]*\\[", json)) {
    return(list(json))
  }
  lapply(jsonlite::parse_json(json, simplifyVector = FALSE), function(event) {
    unclass(jsonlite::toJSON(event, auto_unbox = TRUE, null = "null", digits = NA))
  })
}
