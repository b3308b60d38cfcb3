# Sample events of each source, for the tests of a function.

# sample_event() returns an event as a source sends it, a list.
#
# source: the name of a source, such as "sqs"; see docs/events.md.
# ...: fields of the event, by name. sample_fields has those of each source.
# sample: the name of another sample of the source; by default the first one.
#
# Stops on an unknown source, field or sample with an error that lists those that exist.
sample_event <- function(source, ..., sample = NULL) {
  source <- sample_source(source)
  event <- parse_text(sample_text(sample_name(source, sample)), simplify = FALSE)
  fields <- list(...)
  if (source == "direct") {
    return(if (length(fields)) check_fields(fields, source, names(fields)) else event)
  }
  fill <- sample_fields[[source]]
  check_fields(fields, source, setdiff(names(formals(fill)), "event"))
  if (!length(fields) && !is_http(source)) {
    return(event)
  }
  tryCatch(do.call(fill, c(list(event), fields), quote = TRUE), runtime_failure = function(e) {
    stop("sample_event(): ", sub("the result cannot", "a field cannot", condition_text(e), fixed = TRUE), call. = FALSE)
  })
}

# sample_source() returns the name of a source in its usual spelling.
sample_source <- function(source) {
  known <- names(sources)
  if (!is_string(source) || !tolower(source) %in% known) {
    given <- if (is_string(source)) paste0(quoted(source), " is not a source") else "source must be one string"
    stop("sample_event(): ", given, "; the sources are ", paste(known, collapse = ", "), call. = FALSE)
  }
  tolower(source)
}

sample_name <- function(source, sample) {
  known <- sources[[source]]$samples
  if (is.null(sample)) {
    return(known[[1L]])
  }
  if (!is_string(sample) || !sample %in% known) {
    given <- if (is_string(sample)) quoted(sample) else "that"
    stop("sample_event(): ", given, " is not a sample of ", source, "; its samples are ", paste(known, collapse = ", "), call. = FALSE)
  }
  sample
}

check_fields <- function(fields, source, known) {
  given <- if (is.null(names(fields))) rep("", length(fields)) else names(fields)
  if (!all(nzchar(given))) {
    stop("sample_event(): fields must have names, such as ", c(known, "name")[[1L]], " = ", call. = FALSE)
  }
  unknown <- setdiff(given, known)
  if (length(unknown)) {
    stop(
      "sample_event(): an event of ", source, " has no field ", quoted(unknown), "; its fields are ", paste(known, collapse = ", "),
      call. = FALSE
    )
  }
  fields
}

# sample_text() returns the JSON of a sample.
sample_text <- function(name) {
  path <- file.path(sample_folder(), paste0(name, ".json"))
  bytes_to_text(readBin(path, "raw", file.size(path)))
}

sample_folder <- function() system.file("events", package = "lambdaruntime", mustWork = TRUE)
