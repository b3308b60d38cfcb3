# Branches: durable_map() and durable_parallel() run several pieces of code, of which each can wait
# while others go on.
#
# R has no threads, so branches run one after the other, each until it ends or is suspended. Their
# waits, callbacks and invokes pass at the same time.

# durable_map() calls f() for each item, as a branch with operations of its own.
#
# items: a vector, a list, or a data frame, whose rows are the items.
# f: function(item) or function(item, index).
# name: a name for the history.
# at_once: how many branches are under way at most.
# min_successful: as many successful branches are enough; others are not started.
# tolerated_failures, tolerated_percent: more failed branches, or more than this percentage of all
#   items, end the map. Without any of these three, the first failure does.
# names: names of the branches, by default those of `items`.
# flat: TRUE stores no contexts for the branches, only their operations: fewer operations count
#   against Lambda's limit of 3,000, but a branch runs again in each replay until all are done.
# serialiser, item_serialiser: as for durable_step(), for the whole result and for the value of a
#   branch.
#
# Returns a batch, see new_batch(). durable_results() returns the values, and stops if a branch has
# failed.
durable_map <- function(items, f, name = NULL, at_once = Inf, min_successful = NULL,
                        tolerated_failures = NULL, tolerated_percent = NULL, names = NULL,
                        flat = FALSE, serialiser = NULL, item_serialiser = NULL) {
  user_jit_off()
  on.exit(user_jit_on())
  label <- operation_label("durable_map", name)
  if (!is.function(f)) {
    stop_durable(label, ": f must be a function of an item, not ", class(f)[[1L]])
  }
  if (!is.vector(items) && !is.list(items) && !is.null(items) && !is.atomic(items)) {
    stop_durable(
      label, ": items must be a vector, a list or a data frame, not ", class(items)[[1L]]
    )
  }
  is_frame <- is.data.frame(items)
  n <- if (is_frame) nrow(items) else length(items)
  if (is.null(names) && !is_frame) {
    names <- base::names(items)
  }
  two <- takes_two(f)
  bodies <- lapply(seq_len(n), function(i) {
    force(i)
    function() {
      item <- if (is_frame) items[i, , drop = FALSE] else items[[i]]
      env <- list2env(list(f = f, index = i), parent = globalenv())
      assign("item", item, envir = env)
      if (two) call_user(quote(f(item, index)), env) else call_user(quote(f(item)), env)
    }
  })
  rules <- list(
    at_once = at_once, min_successful = min_successful, tolerated_failures = tolerated_failures,
    tolerated_percent = tolerated_percent
  )
  run_branches(
    "durable_map", c("Map", "MapIteration"), name, bodies, branch_names(label, names, n), rules,
    flat, serialiser, item_serialiser
  )
}

# durable_parallel() runs pieces of code as branches: durable_parallel(a = code, b = code). Each
# runs in an environment of its own, as the code of a step does.
#
# ...: the code of the branches, and their names.
# The others are those of durable_map().
durable_parallel <- function(..., name = NULL, at_once = Inf, min_successful = NULL,
                             tolerated_failures = NULL, tolerated_percent = NULL, flat = FALSE,
                             serialiser = NULL, item_serialiser = NULL) {
  user_jit_off()
  on.exit(user_jit_on())
  label <- operation_label("durable_parallel", name)
  codes <- eval(substitute(alist(...)))
  caller <- parent.frame()
  bodies <- lapply(unname(codes), function(code) {
    force(code)
    function() call_user(code, new.env(parent = caller))
  })
  rules <- list(
    at_once = at_once, min_successful = min_successful, tolerated_failures = tolerated_failures,
    tolerated_percent = tolerated_percent
  )
  names <- branch_names(label, base::names(codes), length(codes))
  run_branches(
    "durable_parallel", c("Parallel", "ParallelBranch"), name, bodies, names, rules, flat,
    serialiser, item_serialiser
  )
}

# branch_names() returns the name of each of n branches, NULL for one without.
branch_names <- function(label, names, n) {
  if (is.null(names)) {
    return(vector("list", n))
  }
  if (length(names) != n) {
    stop_durable(label, ": there are ", length(names), " names for ", n, " branches")
  }
  lapply(as.character(names), function(name) {
    if (!is.na(name) && nzchar(name)) {
      check_name(sub("\\(.*", "", label), name)
      name
    }
  })
}

check_rules <- function(label, rules, n, flat) {
  if (!identical(rules$at_once, Inf)) {
    check_whole(label, "at_once", rules$at_once, 1)
  }
  if (!is.null(rules$min_successful)) {
    check_whole(label, "min_successful", rules$min_successful, 1)
  }
  if (!is.null(rules$tolerated_failures)) {
    check_whole(label, "tolerated_failures", rules$tolerated_failures, 0)
  }
  percent <- c(rules$tolerated_percent, if (is.null(rules$tolerated_percent)) 0)
  if (!is.numeric(percent) || length(percent) != 1L || !isTRUE(percent >= 0 && percent <= 100)) {
    stop_durable(label, ": tolerated_percent must be a number from 0 to 100")
  }
  if (!isTRUE(flat) && !isFALSE(flat)) {
    stop_durable(label, ": flat must be TRUE or FALSE")
  }
}

# run_branches() runs branches and returns their batch, or does not return.
run_branches <- function(what, subtypes, name, bodies, names, rules, flat, serialiser,
                         item_serialiser) {
  label <- operation_label(what, name)
  check_rules(label, rules, length(bodies), flat)
  check_serialiser(label, serialiser)
  check_serialiser(label, item_serialiser, "item_serialiser")
  operation <- begin_operation(what, "CONTEXT", subtypes[[1L]], name)
  outcome <- send_operation(operation, "start")
  status <- text_or(outcome$status, "")
  if (status == "FAILED") {
    stop(stored_condition("durable_child_error", label, outcome$error, NULL))
  }
  ended <- status == "SUCCEEDED"
  if (ended && !isTRUE(outcome$replay_children)) {
    return(read_batch(outcome$payload, label, serialiser, item_serialiser))
  }
  recorded <- if (ended) jsonlite::parse_json(c(outcome$payload, "{}")[[1L]])
  branches <- run_each(
    operation, subtypes[[2L]], bodies, names, rules, flat, item_serialiser, recorded
  )
  reason <- if (is.null(recorded$reason)) decide(branches, rules) else recorded$reason
  text <- batch_text(branches, reason)
  if (!ended) {
    stored <- text
    if (!is.null(serialiser$write)) {
      stored <- encode_stored(read_batch(text, label, NULL, item_serialiser), label, serialiser)
    }
    fits <- nchar(stored, "bytes") <= max_payload
    send_operation(
      operation, "succeed", if (fits) stored else batch_text(branches, reason, values = FALSE),
      replay_children = if (!fits) TRUE
    )
    if (fits && !is.null(serialiser)) {
      return(read_batch(stored, label, serialiser, item_serialiser))
    }
  }
  read_batch(text, label, NULL, item_serialiser)
}

# run_each() runs the branches in order until the rules are met, or suspends the handler. It returns
# a list of the branches that have started, each list(index, name, status, text, error).
run_each <- function(operation, subtype, bodies, names, rules, flat, item_serialiser, recorded) {
  execution <- current$durable
  branches <- list()
  counts <- list(succeeded = 0, failed = 0, started = 0)
  add <- function(i, branch) {
    branches[[length(branches) + 1L]] <<- c(list(index = i, name = names[[i]]), branch)
    kind <- tolower(branch$status)
    counts[[kind]] <<- counts[[kind]] + 1
  }
  is_met <- function() is.null(recorded) && decide_early(counts, rules, length(bodies)) != ""
  before <- if (!is.null(recorded)) recorded_statuses(recorded, length(bodies))
  unfinished <- 0
  for (i in seq_along(bodies)) {
    id <- child_id(operation$id, i)
    if (is_met()) {
      if (exists(id, envir = execution$known, inherits = FALSE)) { # it has started earlier
        add(i, list(status = "STARTED"))
      }
      next
    }
    if (!is.null(recorded) && !before[[i]] %in% c("SUCCEEDED", "FAILED")) {
      if (before[[i]] == "STARTED") {
        add(i, list(status = "STARTED"))
      }
      next
    }
    if (unfinished >= rules$at_once) {
      break
    }
    branch <- run_branch(
      operation, subtype, id, names[[i]], bodies[[i]], flat, item_serialiser, !is.null(recorded)
    )
    add(i, branch)
    unfinished <- unfinished + (branch$status == "STARTED")
  }
  if (unfinished && is.null(recorded) && !is_met()) {
    suspend(execution)
  }
  attr(branches, "of") <- length(bodies)
  attr(branches, "counts") <- counts
  branches
}

# recorded_statuses() returns the statuses of n branches when their map had ended, "" of one that had
# not started.
recorded_statuses <- function(recorded, n) {
  statuses <- character(n)
  for (branch in recorded$branches) {
    statuses[[as.integer(branch$index)]] <- branch$status
  }
  statuses
}

# run_branch() runs one branch until it ends or is suspended. It returns list(status, text, error).
run_branch <- function(operation, subtype, id, name, body, flat, item_serialiser, rerun) {
  execution <- current$durable
  scope <- new.env(parent = emptyenv())
  label <- paste0(
    operation$label, ", branch ", if (is.null(name)) sub(".*-", "", id) else quoted(name)
  )
  done <- in_scope(scope, if (flat) {
    context <- new_context_of(execution$context, id, operation$id, scope, rerun)
    attempt(in_context(execution, context, {
      value <- body()
      end_if_suspended(execution)
      encode_stored(value, label, item_serialiser)
    }))
  } else {
    inner <- list(
      id = id, parent = operation$id, type = "CONTEXT", subtype = subtype, name = name,
      label = label
    )
    run_context(
      inner, body, scope = scope,
      encode = function(value) encode_stored(value, label, item_serialiser), decode = identity
    )
  })
  if (scope$suspended) {
    return(list(status = "STARTED"))
  }
  if (!is.null(done$error)) {
    return(list(status = "FAILED", error = done$error))
  }
  list(status = "SUCCEEDED", text = done$value)
}

# decide() returns the reason why branches have ended.
decide <- function(branches, rules) {
  counts <- attr(branches, "counts")
  early <- decide_early(counts, rules, attr(branches, "of"))
  all_ended <- counts$succeeded + counts$failed == attr(branches, "of")
  if (early == "" || early == "MIN_SUCCESSFUL_REACHED" && all_ended) "ALL_COMPLETED" else early
}

# decide_early() returns the reason to end before all branches have, "" if there is none.
decide_early <- function(counts, rules, n) {
  tolerated <- rules$tolerated_failures
  if (is.null(tolerated) && is.null(rules$tolerated_percent) && is.null(rules$min_successful)) {
    tolerated <- 0
  }
  percent <- rules$tolerated_percent
  if (!is.null(tolerated) && counts$failed > tolerated ||
    !is.null(percent) && n > 0 && 100 * counts$failed / n > percent) {
    "FAILURE_TOLERANCE_EXCEEDED"
  } else if (!is.null(rules$min_successful) && counts$succeeded >= rules$min_successful) {
    "MIN_SUCCESSFUL_REACHED"
  } else {
    ""
  }
}
