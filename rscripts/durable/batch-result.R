# The result of branches.

# new_batch() returns a batch, a list of class durable_batch:
#   reason   why it has ended: ALL_COMPLETED, MIN_SUCCESSFUL_REACHED or FAILURE_TOLERANCE_EXCEEDED
#   status   FAILED if a branch has failed, else SUCCEEDED
#   success_count, failure_count, started_count, total_count   how many branches; those that were
#            not started do not count
#   results  the values of the successful branches, in the order of the items, with their names
#   errors   the conditions of the failed ones
#   branches a list of all that were started, each list(index, name, status, value, error)
new_batch <- function(branches, reason) {
  statuses <- vapply(branches, function(branch) branch$status, character(1))
  done <- branches[statuses == "SUCCEEDED"]
  failed <- branches[statuses == "FAILED"]
  structure(
    list(
      reason = reason,
      status = if (length(failed)) "FAILED" else "SUCCEEDED",
      success_count = length(done), failure_count = length(failed),
      started_count = sum(statuses == "STARTED"),
      total_count = length(branches),
      results = named_by_branch(lapply(done, function(branch) branch$value), done),
      errors = named_by_branch(lapply(failed, function(branch) branch$error), failed),
      branches = branches
    ),
    class = "durable_batch"
  )
}

named_by_branch <- function(values, branches) {
  labels <- vapply(branches, function(branch) c(branch$name, "")[[1L]], character(1))
  if (any(nzchar(labels))) {
    names(values) <- labels
  }
  values
}

# durable_results() returns the values of a batch, a list in the order of the items. If a branch has
# failed, it stops with the error of the first that has. `batch$results` has the values of those
# that have not.
durable_results <- function(batch) {
  if (!inherits(batch, "durable_batch")) {
    stop_durable(
      "durable_results(): batch must be what durable_map() or durable_parallel() returned, not ",
      class(batch)[[1L]]
    )
  }
  if (length(batch$errors)) {
    stop(batch$errors[[1L]])
  }
  batch$results
}

# batch_text() returns the JSON of branches, with or without their values.
batch_text <- function(branches, reason, values = TRUE) {
  texts <- vapply(branches, function(branch) {
    paste0(
      "{\"index\":", branch$index, ",\"status\":\"", branch$status, "\"",
      if (!is.null(branch$name)) paste0(",\"name\":", json_string(branch$name)),
      if (values && !is.null(branch$text)) paste0(",\"value\":", json_string(branch$text)),
      if (values && !is.null(branch$error)) {
        paste0(",\"error\":", do.call(control_json, branch$error))
      },
      "}"
    )
  }, character(1))
  paste0("{\"reason\":\"", reason, "\",\"branches\":[", paste(texts, collapse = ","), "]}")
}

# read_batch() returns the batch of such JSON, or what the user's serialiser reads. `label` is the
# call that made it.
read_batch <- function(text, label, serialiser, item_serialiser) {
  if (!is.null(serialiser$read)) {
    return(decode_stored(text, serialiser))
  }
  stored <- jsonlite::parse_json(text)
  branches <- lapply(stored$branches, function(branch) {
    what <- paste0(label, ", branch ", branch$index)
    list(
      index = branch$index, name = branch$name, status = branch$status,
      value = if (branch$status == "SUCCEEDED") decode_stored(branch$value, item_serialiser),
      error = if (branch$status == "FAILED") {
        stored_condition("durable_child_error", what, branch$error, branch$name)
      }
    )
  })
  new_batch(branches, stored$reason)
}
