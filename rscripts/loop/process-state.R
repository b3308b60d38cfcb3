# State of the process that one invocation could damage for the next: the session's temporary
# directory, the working directory and the locale. Options and environment variables stay as user
# code left them.

# initial holds the state at the end of the load, which each invocation finds again:
#   wd      the working directory
#   all     the locale, as Sys.getlocale() returns it
#   locale  the locale by category
initial <- new.env(parent = emptyenv())

locale_categories <- c(
  "LC_CTYPE", "LC_COLLATE", "LC_MONETARY", "LC_NUMERIC", "LC_TIME", "LC_MESSAGES", "LC_PAPER",
  "LC_MEASUREMENT"
)

# remember_process_state() records the state that restore_process_state() restores.
remember_process_state <- function() {
  initial$wd <- getwd()
  initial$all <- Sys.getlocale()
  initial$locale <- vapply(locale_categories, Sys.getlocale, character(1))
}

# restore_process_state() restores the state. It takes some 5 us if nothing has changed. What it
# cannot restore it logs through `log`, see log_to().
restore_process_state <- function(log) {
  restore_temp_dir(log)
  if (is.null(initial$wd)) {
    return(invisible()) # nothing was recorded
  }
  if (!identical(getwd(), initial$wd)) {
    restore_wd(log)
  }
  if (!identical(Sys.getlocale(), initial$all)) {
    restore_locale()
  }
}

# restore_temp_dir() creates the session's temporary directory again if it is gone, under its old
# name, which user code may have kept. R itself never does, and then no tempfile() can be written.
restore_temp_dir <- function(log) {
  path <- tempdir()
  if (dir.exists(path)) {
    return(invisible())
  }
  unlink(path) # it may be a file now
  dir.create(path, showWarnings = FALSE, recursive = TRUE, mode = "0700")
  if (!dir.exists(path)) {
    log("warn", paste0("tempdir() is gone and cannot be created again: ", path))
  }
}

restore_wd <- function(log) {
  tryCatch(setwd(initial$wd), error = function(e) {
    log("warn", paste0("the working directory cannot be restored: ", initial$wd, ": ", condition_text(e)))
  })
}

# restore_locale() restores each category that has changed. (Sys.setlocale("LC_ALL") sets only
# some, and not to different locales. R warns about LC_NUMERIC even if that is set to "C".)
restore_locale <- function() {
  for (category in locale_categories) {
    before <- initial$locale[[category]]
    if (!identical(Sys.getlocale(category), before)) {
      suppressWarnings(Sys.setlocale(category, before))
    }
  }
}
