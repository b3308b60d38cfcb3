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
  stopped <- logical(length(ids)) # by sequence
  outcomes <- vector("list", length(ids))
  for (i in seq_along(ids)) {
    at <- sequence[[i]]
    outcomes[[i]] <- if (stopped[[at]]) {
      list(failed = TRUE)
    } else {
      process_record(batch$records[[i]], batch$source, ids[[i]], function(record) {
        value <- process(record)
        rules$value(value)
      })
    }
    stopped[[at]] <- outcomes[[i]]$failed
  }
  structure(encode_result(rules$report(batch$records, ids, outcomes)), class = "json")
}

# report_failures() returns the report of sources that send failed records again.
report_failures <- function(records, ids, outcomes) {
  failed <- vapply(outcomes, `[[`, logical(1), "failed")
  list(batchItemFailures = lapply(ids[failed], function(id) list(itemIdentifier = id)))
}

# report_first_failure() returns the report of streams, which are read again from that record.
report_first_failure <- function(records, ids, outcomes) {
  report <- report_failures(records, ids, outcomes)
  report$batchItemFailures <- utils::head(report$batchItemFailures, 1L)
  report
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

# separate_sequences() puts each record into its own sequence: no failure stops another record.
separate_sequences <- function(records, ids) seq_along(records)

# check_identifiers() stops before any record is processed if a failure of one could not be
# reported.
check_identifiers <- function(ids) {
  without <- which(vapply(ids, is.null, logical(1)))
  if (length(without)) {
    fail("Runtime.InvalidArguments", "batch_handler(): record ", without[[1L]], " has no id to report it by")
  }
}

# process_record() returns the outcome, list(failed, value). If the record failed, it logs why. An
# interrupt, such as the deadline's, does not fail the record: it ends the invocation.
process_record <- function(record, source, id, process) {
  depth <- sys.nframe()
  catch_stopped(
    {
      value <- process(decode_record(record, source))
      list(failed = FALSE, value = value)
    },
    function(cond, stack) {
      id <- if (is.list(id)) paste0(id$partition, " offset ", sprintf("%.0f", id$offset)) else id
      type <- if (inherits(cond, "runtime_failure")) cond$type else class(cond)[[1L]]
      message <- paste0("record ", id, " failed: ", type, ": ", with_reason(condition_text(cond), cond))
      current$log("error", paste(c(message, stack_lines(stack)), collapse = "\n"), NULL, list(record = id))
      list(failed = TRUE)
    },
    function(cond, at) capture_stack(at$calls[-seq_len(depth)], cond)
  )
}

stack_lines <- function(stack) {
  vapply(stack, function(frame) {
    paste0("  at ", frame$call, if (!is.null(frame$file)) paste0(" (", frame$file, ":", frame$line, ")"))
  }, character(1))
}
