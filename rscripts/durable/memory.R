# An execution in memory: what Lambda does for a durable function, for tests and for priming. Time
# is skipped.

# new_memory() returns an execution in memory, an environment:
#   operations  what is stored, by id, each a list; `order` has the ids in the order of their start
#   now         the time of the execution, in ms since 1970, with what was skipped
#   began       when it began
#   arn         its ARN
#   invocations how often the handler was called
new_memory <- function(function_name = "function") {
  now <- now_ms()
  list2env(
    list(
      operations = new.env(parent = emptyenv()), order = character(), now = now, began = now,
      invocations = 0L, callbacks = 0L,
      arn = paste0(
        "arn:aws:lambda:us-east-1:123456789012:function:", function_name,
        ":$LATEST/durable-execution/memory/1"
      )
    ),
    envir = new.env(parent = emptyenv())
  )
}

# memory_frame() returns what the invoke frame has of an execution.
memory_frame <- function(memory) {
  list(arn = memory$arn, started_ms = memory$began, known = as.list(memory$order))
}

# memory_sender() returns the function by which the operations of a handler reach an execution in
# memory, see send_operation().
memory_sender <- function(memory) {
  function(operation, payload) {
    finish_due(memory)
    stored <- memory$operations[[operation$id]]
    if (!is.null(stored)) {
      different <- difference_of(stored, operation)
      if (!is.null(different)) {
        memory$failure <- list(type = "NonDeterministicExecution", message = different)
        return(list(stop = TRUE))
      }
    }
    switch(operation$action,
      start = memory_start(memory, stored, operation, payload),
      get = memory_outcome(stored),
      memory_end(memory, stored, operation, payload)
    )
  }
}

# difference_of() returns how an operation differs from the one that was stored in its place, NULL
# if it does not.
difference_of <- function(stored, operation) {
  for (field in c("type", "subtype", "name")) {
    if (!identical(stored[[field]], operation[[field]])) {
      shown <- function(x) paste0(x$subtype, if (!is.null(x$name)) paste0(" ", quoted(x$name)))
      return(paste0(
        "operation ", operation$id, " was ", shown(stored), " and is now ", shown(operation),
        ": the handler must call the same operations in the same order in each replay. ",
        "Put what it decides by into a step"
      ))
    }
  }
}

memory_start <- function(memory, stored, operation, payload) {
  before <- memory_outcome(stored)
  if (!is.null(stored) && stored$status != "READY") {
    return(before)
  }
  if (is.null(stored)) {
    memory$order <- c(memory$order, operation$id)
    stored <- c(operation, list(attempt = 0L))
    stored$input <- payload
    if (operation$type == "CALLBACK") {
      memory$callbacks <- memory$callbacks + 1L
      stored$callback_id <- paste0("callback-", memory$callbacks)
    }
  }
  stored$status <- "STARTED"
  seconds <- switch(operation$type,
    WAIT = operation$wait_seconds,
    CALLBACK = min(operation$timeout_seconds, operation$heartbeat_seconds, Inf)
  )
  stored$due <- if (!is.null(seconds) && is.finite(seconds)) memory$now + 1000 * seconds
  memory$operations[[operation$id]] <- stored
  if (operation$type %in% c("STEP", "CONTEXT")) before else memory_outcome(stored)
}

memory_end <- function(memory, stored, operation, payload) {
  stored$status <- switch(
    operation$action, succeed = "SUCCEEDED", fail = "FAILED", retry = "PENDING"
  )
  stored$attempt <- stored$attempt + 1L
  stored$payload <- payload
  stored$error <- operation$error
  stored$replay_children <- operation$replay_children
  stored$due <- if (operation$action == "retry") memory$now + 1000 * operation$delay_seconds
  memory$operations[[operation$id]] <- stored
  memory_outcome(stored)
}

memory_outcome <- function(stored) {
  fields <- c("status", "attempt", "payload", "error", "callback_id", "replay_children")
  stored[intersect(fields, names(stored))]
}

# change_memory() changes fields of a stored operation.
change_memory <- function(memory, id, ...) {
  memory$operations[[id]] <- utils::modifyList(memory$operations[[id]], list(...))
}

# open_operations() returns the stored operations for which the execution waits.
open_operations <- function(memory) {
  all <- lapply(memory$order, function(id) memory$operations[[id]])
  Filter(function(stored) {
    stored$status == "PENDING" ||
      stored$status == "STARTED" && stored$type %in% c("WAIT", "CALLBACK", "CHAINED_INVOKE")
  }, all)
}

# finish_due() ends the waits, pauses and callbacks whose time has come. It returns whether there
# was one.
finish_due <- function(memory) {
  due <- Filter(
    function(stored) !is.null(stored$due) && stored$due <= memory$now, open_operations(memory)
  )
  for (stored in due) {
    if (stored$type == "CALLBACK") {
      timeout <- c(stored$timeout_seconds, Inf)[[1L]]
      beats <- !is.null(stored$heartbeat_seconds) && stored$heartbeat_seconds < timeout
      error <- if (beats) {
        list(type = "Callback.Heartbeat", message = "Callback timed out on heartbeat")
      } else {
        list(type = "Callback.Timeout", message = "Callback timed out")
      }
      change_memory(memory, stored$id, status = "TIMED_OUT", error = error)
    } else {
      change_memory(memory, stored$id, status = if (stored$type == "WAIT") "SUCCEEDED" else "READY")
    }
  }
  length(due) > 0L
}

# skip_time() moves the time to the next moment at which something ends. It returns whether there is
# one.
skip_time <- function(memory) {
  due <- unlist(lapply(open_operations(memory), function(stored) stored$due))
  if (!length(due)) {
    return(FALSE)
  }
  memory$now <- max(memory$now, min(due))
  finish_due(memory)
}
