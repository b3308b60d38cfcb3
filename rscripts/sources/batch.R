# Batches: one call for each record, and a report of those that failed, so that only
# they are sent again.

# process_batch() calls process(record) for the records of an event and returns the JSON
# of the report. It is of class "json", so that no serialiser of the user's gets at it.
process_batch <- function(event, process) {
  batch <- undecoded_batch(event)
  ids <- lapply(batch$records, item_identifier, source = batch$source)
  check_identifiers(ids)
  sequence <- sequences(batch, ids)
  stopped <- failed <- logical(length(ids))
  for (i in seq_along(ids)) {
    at <- sequence[[i]]
    stopped[[at]] <- stopped[[at]] || !process_record(batch$records[[i]], batch$source, ids[[i]], process)
    failed[[i]] <- stopped[[at]]
  }
  failed <- which(failed)
  if (batch$source %in% c("kinesis", "dynamodb")) {
    failed <- utils::head(failed, 1L) # the stream is read again from there
  }
  report <- list(batchItemFailures = lapply(ids[failed], function(id) list(itemIdentifier = id)))
  structure(encode_result(report), class = "json")
}

undecoded_batch <- function(event) {
  batch <- tryCatch(undecoded_records(event), error = function(e) {
    fail("Runtime.InvalidArguments", "batch_handler(): ", condition_text(e))
  })
  if (!batch$source %in% c("sqs", "kinesis", "dynamodb", "msk")) {
    fail(
      "Runtime.InvalidArguments", "batch_handler(): Lambda takes no report of single records of ", batch$source,
      "; use event_records()"
    )
  }
  batch
}

# item_identifier() is how Lambda wants a record named that failed, or NULL if that cannot
# be told.
item_identifier <- function(record, source) {
  id <- switch(source,
    sqs = pluck(record, "messageId"),
    kinesis = pluck(record, "kinesis", "sequenceNumber"),
    dynamodb = pluck(record, "dynamodb", "SequenceNumber")
  )
  if (source != "msk") {
    return(if (is_string(id) && nzchar(id)) id)
  }
  topic <- pluck(record, "topic")
  partition <- pluck(record, "partition")
  offset <- pluck(record, "offset")
  if (is_string(topic) && is.numeric(partition) && is.numeric(offset)) {
    list(partition = paste0(topic, "-", sprintf("%.0f", partition)), offset = offset)
  }
}

# check_identifiers() stops a batch of which a failure could not be reported, before any
# record is processed.
check_identifiers <- function(ids) {
  without <- which(vapply(ids, is.null, NA))
  if (length(without)) {
    fail("Runtime.InvalidArguments", "batch_handler(): record ", without[[1L]], " has no id to report it by")
  }
}

# sequences() returns for each record the number of its sequence in the batch. Of a
# sequence, nothing is processed after a failure.
sequences <- function(batch, ids) {
  if (batch$source == "msk") {
    partitions <- vapply(ids, `[[`, "", "partition")
    return(match(partitions, unique(partitions)))
  }
  queue <- if (batch$source == "sqs" && length(ids)) pluck(batch$records[[1L]], "eventSourceARN")
  if (batch$source != "sqs" || is_string(queue) && endsWith(queue, ".fifo")) rep(1L, length(ids)) else seq_along(ids)
}

# process_record() is FALSE when the record failed, and logs why. An interrupt, as of the
# deadline, is no failure of a record: it ends the invocation.
process_record <- function(record, source, id, process) {
  depth <- sys.nframe()
  stack <- list()
  tryCatch(
    calling_stopped(
      {
        process(decode_record(record, source))
        TRUE
      },
      function(cond, calls) {
        calls <- sys.calls() # of the record only, and without this function
        stack <<- without_fail(capture_stack(calls[-c(seq_len(depth), length(calls))], cond))
        stop_as_error(cond)
      }
    ),
    error = function(e) {
      if (inherits(e, "runtime_stopped")) {
        e <- e$condition
      }
      id <- if (is.list(id)) paste0(id$partition, " offset ", sprintf("%.0f", id$offset)) else id
      type <- if (inherits(e, "runtime_failure")) e$type else class(e)[[1L]]
      message <- paste0("record ", id, " failed: ", type, ": ", condition_text(e))
      current$log("error", paste(c(message, stack_lines(stack)), collapse = "\n"), NULL, list(record = id))
      FALSE
    }
  )
}

stack_lines <- function(stack) {
  vapply(stack, function(frame) {
    paste0("  at ", frame$call, if (!is.null(frame$file)) paste0(" (", frame$file, ":", frame$line, ")"))
  }, "")
}
