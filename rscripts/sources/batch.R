# Batches: one call per record, and a report of the records that failed, so that Lambda sends only
# those again.

# process_batch() calls process(record) for each record of an event and returns the JSON of the
# report, of class "json" so that the user's serialiser does not change it.
process_batch <- function(event, process) {
  batch <- undecoded_batch(event)
  rules <- sources[[batch$source]]$batch
  ids <- lapply(batch$records, rules$id)
  check_identifiers(ids)
  sequence <- rules$sequences(batch$records, ids)
  stopped <- failed <- logical(length(ids))
  for (i in seq_along(ids)) {
    at <- sequence[[i]]
    stopped[[at]] <- stopped[[at]] || !process_record(batch$records[[i]], batch$source, ids[[i]], process)
    failed[[i]] <- stopped[[at]]
  }
  failed <- which(failed)
  if (rules$resumes) {
    failed <- utils::head(failed, 1L)
  }
  report <- list(batchItemFailures = lapply(ids[failed], function(id) list(itemIdentifier = id)))
  structure(encode_result(report), class = "json")
}

undecoded_batch <- function(event) {
  batch <- tryCatch(undecoded_records(event), error = function(e) {
    fail("Runtime.InvalidArguments", "batch_handler(): ", condition_text(e))
  })
  if (is.null(sources[[batch$source]]$batch)) {
    fail(
      "Runtime.InvalidArguments", "batch_handler(): Lambda does not accept a report of single records from ",
      batch$source, "; use event_records()"
    )
  }
  batch
}

# text_id() returns an id, or NULL if `x` cannot be one.
text_id <- function(x) if (is_string(x) && nzchar(x)) x

# one_sequence() puts all records into the same sequence.
one_sequence <- function(records, ids) rep(1L, length(records))

# check_identifiers() stops before any record is processed if a failure of one could not be
# reported.
check_identifiers <- function(ids) {
  without <- which(vapply(ids, is.null, logical(1)))
  if (length(without)) {
    fail("Runtime.InvalidArguments", "batch_handler(): record ", without[[1L]], " has no id to report it by")
  }
}

# process_record() returns TRUE, or FALSE if the record failed; then it has logged why. An
# interrupt, such as the deadline's, does not fail the record: it ends the invocation.
process_record <- function(record, source, id, process) {
  depth <- sys.nframe()
  catch_stopped(
    {
      process(decode_record(record, source))
      TRUE
    },
    function(cond, stack) {
      id <- if (is.list(id)) paste0(id$partition, " offset ", sprintf("%.0f", id$offset)) else id
      type <- if (inherits(cond, "runtime_failure")) cond$type else class(cond)[[1L]]
      message <- paste0("record ", id, " failed: ", type, ": ", with_reason(condition_text(cond), cond))
      current$log("error", paste(c(message, stack_lines(stack)), collapse = "\n"), NULL, list(record = id))
      FALSE
    },
    function(cond, at) capture_stack(at$calls[-seq_len(depth)], cond)
  )
}

stack_lines <- function(stack) {
  vapply(stack, function(frame) {
    paste0("  at ", frame$call, if (!is.null(frame$file)) paste0(" (", frame$file, ":", frame$line, ")"))
  }, character(1))
}
