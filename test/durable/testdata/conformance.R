# The handlers of AWS's conformance cases, by their numbers, and two functions that they invoke. The runner
# invokes the function by the name of a case.

cases <- new.env()

conform <- durable(function(event = NULL, context) {
  name <- sub(".*:function:", "", context$invoked_function_arn)
  cases[[sub("case-", "", name)]](event)
}, log_replays = TRUE)

# The functions that cases invoke. One is durable.
echo <- function(event) event
broken <- durable(function(event) stop("target failed"))

run_id <- function() basename(durable_arn())
durable_arn <- function() get("current", envir = environment(durable_now))$durable$arn
once <- function(n = 1) {
  # once(n) is TRUE in the first n calls within an execution.
  path <- file.path(Sys.getenv("CONFORMANCE_DIR"), run_id())
  seen <- if (file.exists(path)) length(readLines(path)) else 0
  cat("x\n", file = path, append = TRUE)
  seen < n
}
die <- function() {
  tools::pskill(Sys.getpid(), 9L)
  Sys.sleep(60)
}
upper <- list(write = function(x) paste0("\"", toupper(x), "\""), read = function(text) gsub("\"", "", text))
steady <- function(attempts, first = 1, factor = 1) backoff(attempts = attempts, first = first, factor = factor, most = 1000, jitter = FALSE)
none <- backoff(attempts = 1)

cases$`1-1` <- function(event) durable_step(NULL, paste0("Hello, ", event, "!"))
cases$`1-2` <- function(event) durable_step("custom_step_name", paste0("Hello, ", event, "!"))
cases$`1-4` <- function(event) durable_step(NULL, list(user = list(name = event$name, tags = event$tags), count = length(event$tags)))
cases$`1-5` <- function(event) durable_step(NULL, NULL)
cases$`1-6` <- function(event) durable_step(NULL, event, serialiser = upper)
cases$`1-7` <- function(event) durable_step(NULL, {
  message("Greeting step started for: ", event)
  value <- paste0("Hello, ", event, "!")
  message("Greeting step completed with: ", value)
  value
})
cases$`1-9` <- function(event) {
  value <- durable_step(NULL, "cached_value")
  durable_wait(seconds = 1)
  value
}
cases$`1-10` <- function(event) {
  try(durable_step(NULL, stop("step failed"), retry = none), silent = TRUE)
  durable_wait(seconds = 1)
  "done"
}
cases$`1-11` <- function(event) durable_step(NULL, if (once()) stop("not yet") else "Operation succeeded", retry = steady(3))
cases$`1-12` <- function(event) durable_step(NULL, stop("always"), retry = steady(4))
cases$`1-14` <- function(event) durable_step(NULL, if (once(2)) stop("not yet") else "ok", retry = steady(4, 2, 3))
transient <- function() stop(structure(class = c("TransientError", "error", "condition"), list(message = "transient", call = NULL)))
cases$`1-15` <- function(event) durable_step(NULL, if (once()) transient() else "ok", retry = backoff(3, first = 1, factor = 1, jitter = FALSE, on = "TransientError"))
cases$`1-16` <- function(event) durable_step(NULL, transient(), retry = function(error, attempt) if (!inherits(error, "TransientError")) 1)
cases$`1-17` <- function(event) durable_step("at_most_once_flaky_step", {
  message(event)
  die()
}, retry = none, at_most_once = TRUE)
cases$`1-19` <- function(event) durable_step(NULL, stop("always"), retry = none)
cases$`1-20` <- function(event) {
  tryCatch(durable_step(NULL, stop("no"), retry = none), error = function(e) durable_step(NULL, "fallback_result"))
}

cases$`2-1` <- function(event) durable_wait(seconds = 2)
cases$`2-2` <- function(event) durable_wait(seconds = 2, name = "custom_wait_name")
cases$`2-4` <- function(event) durable_wait(minutes = 1)
cases$`2-5` <- function(event) durable_wait(hours = 1)

cases$`3-1` <- function(event) durable_child(NULL, durable_step(NULL, event))
cases$`3-2` <- function(event) durable_child(event$name, durable_step(NULL, event$value))
cases$`3-4` <- function(event) durable_child("child", durable_step(NULL, stop("inner"), retry = none))
cases$`3-5` <- function(event) {
  tryCatch(
    durable_child(NULL, durable_step(NULL, stop("inner"), retry = none)),
    durable_child_error = function(e) durable_step(NULL, event)
  )
}
cases$`3-6` <- function(event) durable_child("outer", {
  durable_step(NULL, event)
  durable_child("inner", durable_step(NULL, event))
})
cases$`3-7` <- function(event) durable_child("child", durable_step(NULL, if (once()) stop("not yet") else event, retry = steady(2)))
cases$`3-9` <- function(event) {
  value <- durable_child(NULL, durable_step(NULL, event))
  durable_wait(seconds = 1)
  value
}
cases$`3-10` <- function(event) durable_child("child", {
  durable_step(NULL, event)
  durable_wait(seconds = 1)
  event
})
cases$`3-11` <- function(event) {
  value <- durable_child("large", {
    x <- durable_step(NULL, event)
    message(event)
    paste(rep(x, 40000), collapse = "")
  })
  durable_wait(seconds = 1)
  nchar(value)
}
cases$`3-12` <- function(event) durable_child(NULL, durable_step(NULL, if (once()) die() else event))
cases$`3-14` <- function(event) durable_child("child", durable_step(NULL, event), serialiser = list(write = toupper, read = identity))
cases$`3-15` <- function(event) durable_child("child", stop("direct"))
cases$`3-16` <- function(event) durable_child("child", NULL)
cases$`3-17` <- function(event) {
  value <- durable_child("child", {
    message(event)
    event
  })
  durable_wait(seconds = 1)
  value
}

call_back <- function(event, ...) callback_result(durable_callback(event, ...))
cases$`4-1` <- function(event) call_back(event)
cases$`4-2` <- function(event) call_back("approval")
cases$`4-4` <- function(event) call_back(event, heartbeat = 5)
cases$`4-5` <- function(event) call_back(event, heartbeat = 10)
cases$`4-6` <- function(event) call_back(event)
cases$`4-7` <- function(event) {
  callback <- durable_callback(event)
  durable_step(NULL, "done")
  callback_result(callback)
}
with_wait <- function(event, seconds, ...) {
  callback <- durable_callback(event, ...)
  durable_wait(seconds = seconds)
  callback_result(callback)
}
cases$`4-9` <- function(event) with_wait(event, 5)
cases$`4-10` <- function(event) with_wait(event, 5)
cases$`4-11` <- function(event) with_wait(event, 6, timeout = 3)
cases$`4-12` <- function(event) {
  value <- call_back(event)
  durable_wait(seconds = 2)
  value
}
cases$`4-14` <- function(event) {
  value <- tryCatch(call_back(event, timeout = 3), durable_callback_timeout = conditionMessage)
  durable_wait(seconds = 2)
  value
}
cases$`4-15` <- function(event) {
  read <- function(text) {
    value <- jsonlite::fromJSON(text)
    value$timestamp <- as.numeric(as.POSIXct(value$timestamp, format = "%Y-%m-%dT%H:%M:%OSZ", tz = "UTC"))
    value
  }
  list(received = call_back(event, serialiser = list(read = read)))
}
cases$`4-16` <- function(event) {
  n <- call_back(event, serialiser = list(read = as.numeric))
  list(count = n, doubled = 2 * n)
}
cases$`4-17` <- function(event) {
  a <- call_back(event[[1]])
  list(a, call_back(event[[2]]))
}
cases$`4-19` <- function(event) {
  a <- durable_callback(event[[1]])
  b <- durable_callback(event[[2]])
  result_b <- callback_result(b)
  list(callback_result(a), result_b)
}

cases$`5-1` <- function(event) durable_invoke("echo", event)
cases$`5-2` <- function(event) durable_invoke("echo", event$payload, name = event$name)
cases$`5-4` <- function(event) durable_invoke("echo", NULL)
cases$`5-5` <- function(event) durable_invoke("broken", NULL)
cases$`5-6` <- function(event) tryCatch(durable_invoke("broken", NULL), durable_invoke_error = function(e) "fallback")
cases$`5-7` <- function(event) nchar(durable_invoke("echo", paste(rep("x", 200000), collapse = "")))
cases$`5-9` <- function(event) {
  value <- durable_invoke("echo", "x")
  durable_wait(seconds = 1)
  value
}
cases$`5-10` <- function(event) {
  value <- tryCatch(durable_invoke("broken", NULL), error = function(e) "caught")
  durable_wait(seconds = 1)
  value
}
cases$`5-11` <- function(event) durable_invoke("echo", durable_step(NULL, "from step"))
cases$`5-12` <- function(event) {
  value <- durable_invoke("echo", "x")
  durable_step(NULL, paste0(value, "!"))
}
cases$`5-14` <- function(event) {
  value <- durable_invoke("echo", "one")
  durable_invoke("echo", paste(value, "two"))
}
cases$`5-15` <- function(event) durable_invoke("echo", event$data, serialiser = list(write = upper$write))
cases$`5-16` <- function(event) durable_invoke("echo", event, serialiser = list(read = function(text) toupper(gsub("\"", "", text))))

count_to <- function(event, state = 0, every = 1, attempts = Inf) {
  durable_until(NULL, function(s) s + 1, state = state, done = function(s) s >= event, every = every, attempts = attempts)
}
cases$`6-1` <- function(event) count_to(event)
cases$`6-2` <- function(event) durable_until(NULL, identity, state = 5, done = function(s) s >= 5)
cases$`6-4` <- function(event) count_to(event, 5)
cases$`6-5` <- function(event) count_to(event, every = 2)
cases$`6-6` <- function(event) count_to(1000, attempts = 3)
cases$`6-7` <- function(event) durable_until(NULL, function(s) stop("check failed"), state = 0)
cases$`6-9` <- function(event) {
  check <- function(s) list(status = if (s$attempts + 1 >= 2) "DONE" else "PENDING", attempts = s$attempts + 1)
  durable_until(NULL, check, state = list(status = "PENDING", attempts = 0), done = function(s) s$status == "DONE", every = 1)
}
cases$`6-10` <- function(event) durable_until(NULL, function(s) NULL, done = function(s) TRUE)
cases$`6-11` <- function(event) {
  code <- list(write = function(x) paste0("\"enc:", x, "\""), read = function(text) gsub("\"|enc:", "", text))
  durable_until(NULL, function(s) paste0(s, "x"), state = "", done = function(s) nchar(s) >= 2, every = 1, serialiser = code)
}
cases$`6-12` <- function(event) {
  value <- count_to(event)
  durable_step(NULL, value * 10)
}

wait_for <- function(name, ...) durable_wait_for_callback(name, function(id) NULL, ...)
cases$`7-1` <- function(event) wait_for(event)
cases$`7-2` <- function(event) wait_for("approval")
cases$`7-4` <- function(event) wait_for(event)
cases$`7-5` <- function(event) wait_for(event, timeout = 3)
cases$`7-6` <- function(event) tryCatch(wait_for(event), error = function(e) "recovered")
cases$`7-7` <- function(event) durable_wait_for_callback(event, function(id) stop("submit failed"), retry = steady(2))
cases$`7-9` <- function(event) {
  wait_for("first")
  wait_for("second")
}
cases$`7-10` <- function(event) {
  durable_wait(seconds = 1)
  durable_step(NULL, list(user = 1))
  wait_for(event)
}
cases$`7-11` <- function(event) wait_for(event)$status
cases$`7-12` <- function(event) wait_for(event, heartbeat = 5)
cases$`7-14` <- function(event) tryCatch(wait_for(event, timeout = 3), durable_callback_timeout = function(e) "timed-out-handled")
cases$`7-15` <- function(event) wait_for(event)

project <- function(batch, ...) {
  all <- list(
    completionReason = batch$reason, status = batch$status, successCount = batch$success_count,
    failureCount = batch$failure_count, totalCount = batch$total_count
  )
  all[c(...)]
}
full <- c("completionReason", "status", "successCount", "failureCount", "totalCount")
counts <- c("completionReason", "successCount", "failureCount", "totalCount")
both <- function(..., at_once = 1) durable_parallel(..., at_once = at_once)

cases$`8-1` <- function(event) durable_results(both(durable_step(NULL, "task-1"), durable_step(NULL, "task-2"), name = "parallel"))
cases$`8-2` <- function(event) durable_results(both("alpha", "beta"))
cases$`8-4` <- function(event) durable_results(both("hello", 42, list(k = "v")))
cases$`8-5` <- function(event) durable_results(both())
cases$`8-6` <- function(event) project(both("ok", stop("no"), "never", tolerated_failures = 0), full)
cases$`8-7` <- function(event) durable_results(both(stop("no"), "never", tolerated_failures = 0))
cases$`8-9` <- function(event) project(both("ok", stop("no"), "ok", tolerated_failures = 1), full)
cases$`8-10` <- function(event) project(both(stop("no"), stop("no"), "never", tolerated_failures = 1), counts)
cases$`8-11` <- function(event) durable_results(both("r0", "r1", "r2", at_once = 2))
cases$`8-12` <- function(event) durable_results(both(durable_step(NULL, "fa"), durable_step(NULL, "fb"), flat = TRUE))
cases$`8-14` <- function(event) durable_results(both(durable_step(NULL, "b0"), {
  durable_wait(seconds = 2)
  "b1"
}))
wrapped <- list(
  write = function(x) paste0("{\"wrapped\":\"", x, "\"}"),
  read = function(text) jsonlite::fromJSON(text)$wrapped
)
cases$`8-15` <- function(event) durable_results(both("x", "y", item_serialiser = wrapped))
cases$`8-16` <- function(event) project(both(stop("a"), stop("b"), stop("c"), tolerated_failures = 3), full)
cases$`8-17` <- function(event) project(both("ok", stop("no"), "ok", min_successful = 3), full)
cases$`8-19` <- function(event) both("a", "b", at_once = 0)
cases$`8-20` <- function(event) {
  batch <- both("ok", stop("no"), "ok", tolerated_failures = 1)
  list(
    hasFailure = batch$failure_count > 0, successCount = length(batch$results),
    failureCount = batch$failure_count, errorCount = length(batch$errors)
  )
}
cases$`8-21` <- function(event) durable_results(both(durable_results(both(durable_step(NULL, "i1"), durable_step(NULL, "i2")))))
cases$`8-22` <- function(event) project(both(stop("no"), 1, 2, 3, tolerated_percent = 25), full)

each <- function(items, f, ..., at_once = 1) durable_map(items, f, at_once = at_once, ...)
fails <- function(...) function(i) if (i %in% c(...)) stop("no") else "ok"
cases$`9-1` <- function(event) durable_results(each(event, function(x) durable_step(NULL, paste0("Hello, ", x, "!")), name = "map"))
cases$`9-2` <- function(event) durable_results(each(event, function(x) 2 * x))
cases$`9-4` <- function(event) durable_results(each(event, identity))
cases$`9-5` <- function(event) project(each(1:3, fails(2), tolerated_failures = 0), full)
cases$`9-6` <- function(event) durable_results(each(1:2, fails(1), tolerated_failures = 0))
cases$`9-7` <- function(event) project(each(1:4, fails(), min_successful = 2), c("completionReason", "successCount", "totalCount"))
cases$`9-9` <- function(event) project(each(1:3, fails(1, 2), tolerated_failures = 1), counts)
cases$`9-10` <- function(event) project(each(1:4, fails(1, 2), tolerated_percent = 25), counts)
cases$`9-11` <- function(event) durable_results(each(c("r0", "r1", "r2"), identity, at_once = 2))
cases$`9-12` <- function(event) durable_results(each(c("fa", "fb"), function(x) durable_step(NULL, x), flat = TRUE))
boxed <- list(write = function(x) paste0("wrapped:", x), read = function(text) sub("wrapped:", "", text))
cases$`9-14` <- function(event) durable_results(each(c("x", "y"), toupper, item_serialiser = boxed))
cases$`9-15` <- function(event) durable_results(each(0:1, function(i) {
  if (i == 1) durable_wait(seconds = 1)
  durable_step(NULL, paste0("r", i))
}))
cases$`9-16` <- function(event) project(each(1:4, function(i) strrep("x", 70000)), c("successCount", "totalCount"))
cases$`9-17` <- function(event) {
  batch <- each(c("a", "b"), toupper)
  durable_wait(seconds = 1)
  durable_results(batch)
}
opserde <- list(
  write = function(batch) paste0("OPSERDE:", paste(unlist(batch$results), collapse = ",")),
  read = function(text) list(results = strsplit(sub("OPSERDE:", "", text), ",")[[1L]])
)
cases$`9-19` <- function(event) each(c("x", "y"), toupper, serialiser = opserde)$results
cases$`9-20` <- function(event) {
  batch <- each(c("x", "y"), toupper, serialiser = opserde)
  durable_wait(seconds = 1)
  batch$results
}

# Cases of our own, in testdata/cases.
cases$`parallel-waits` <- function(event) durable_results(each(event, function(s) {
  durable_wait(seconds = s)
  s
}, at_once = Inf))
cases$nondeterminism <- function(event) if (once()) durable_wait(seconds = 1) else durable_step("changed", 1)
cases$crash <- function(event) {
  n <- durable_step("first", event)
  durable_step("second", if (once()) die() else 2 * n)
}
cases$`at-most-once` <- function(event) durable_step("once", die(), retry = NULL, at_most_once = TRUE)
cases$`too-large` <- function(event) durable_step("big", strrep("x", 3e5))
cases$`callback-answers` <- function(event) durable_results(both(
  tryCatch(call_back("first"), durable_callback_error = conditionMessage), call_back("second"),
  at_once = Inf
))
