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
      if (handler$kind == "durable") { # as far as its first wait
        memory <- new_memory()
        invocation$frame$durable <- memory_frame(memory)
        invocation$send <- memory_sender(memory)
      }
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
