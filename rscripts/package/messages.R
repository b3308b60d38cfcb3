# Log records at a desk: messages, which tests can expect and which suppressMessages() drops.

# log_at_desk() signals a record as a message of class "lambda_log", with the fields `level`, `text`
# and `fields`. The arguments are those of the function that log_to() returns in a worker.
log_at_desk <- function(level, message, call = NULL, fields = list(), load = NULL, line = NULL) {
  if (is.null(line) && log_levels[[level]] < log_level_at_desk()) {
    return(invisible())
  }
  text <- if (is.null(line)) clean_text(message) else line
  json <- vapply(fields, log_field, character(1))
  shown <- if (is.null(line)) {
    paste(c(paste0(level, ": ", text), if (length(json)) paste0(names(json), "=", json)), collapse = " ")
  } else {
    line
  }
  message(structure(
    class = c("lambda_log", "message", "condition"),
    list(message = paste0(shown, "\n"), call = NULL, level = level, text = text, fields = fields)
  ))
  invisible()
}

# log_level_at_desk() returns the level that records must have: the same variables say so as in the
# runtime. A level that does not exist counts as "info".
log_level_at_desk <- function() {
  level <- tolower(c(env_or_null("LOG_LEVEL"), env_or_null("AWS_LAMBDA_LOG_LEVEL"), "info")[[1L]])
  log_levels[[if (level %in% names(log_levels)) level else "info"]]
}
