# Repeated warnings: the first few are logged, and the total at the end.

# Of warnings with the same call and text, `logged_repeats` are logged. At most `max_counted`
# different texts are counted, of at most `max_text` bytes: all others are logged.
logged_repeats <- 5L
max_counted <- 1000L
max_text <- 1000L

# new_repeats() returns the counts of one invocation: `seen` has a list of list(warning, count)
# for each text.
new_repeats <- function() {
  list2env(list(pid = Sys.getpid(), seen = new.env(parent = emptyenv())), envir = new.env(parent = emptyenv()))
}

# is_new() counts a warning, and returns whether it is to be logged. A forked child logs all of
# its warnings: nothing could report its counts.
is_new <- function(repeats, w) {
  text <- if (is.list(w)) .subset2(w, "message")
  if (!is_string(text) || !nzchar(text) || nchar(text, "bytes") > max_text || Sys.getpid() != repeats$pid) {
    return(TRUE)
  }
  entries <- repeats$seen[[text]]
  for (i in seq_along(entries)) {
    if (identical(entries[[i]]$warning$call, w$call)) {
      entries[[i]]$count <- entries[[i]]$count + 1
      repeats$seen[[text]] <- entries
      return(entries[[i]]$count <= logged_repeats)
    }
  }
  if (length(entries) < max_counted && length(repeats$seen) < max_counted) {
    repeats$seen[[text]] <- c(entries, list(list(warning = w, count = 1)))
  }
  TRUE
}

# log_repeats() logs how often each warning came that was not logged each time.
log_repeats <- function(repeats, log) {
  if (length(repeats$seen) == 0L || Sys.getpid() != repeats$pid) {
    return(invisible())
  }
  for (text in sort(names(repeats$seen))) {
    for (entry in repeats$seen[[text]]) {
      if (entry$count > logged_repeats) {
        text <- sprintf("%s (%.0f times in all, %d logged)", condition_text(entry$warning), entry$count, logged_repeats)
        log("warn", text, shown_call(entry$warning))
      }
    }
  }
}
