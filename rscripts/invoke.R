# One invocation: the event to arguments, the call, and the result to JSON.

# bind_arguments() returns the named list of arguments that `event` gives to a
# handler that takes `takes`, see handler_arguments().
bind_arguments <- function(event, is_object, takes, handler_name) {
  args <- list()
  if (takes$event) {
    args["event"] <- list(event)
  } else if (is_object) {
    args <- match_arguments(event, takes, handler_name)
  } else if (!is.null(event)) {
    first <- not_in(takes$names, "context")
    if (length(first) == 0L && !takes$dots) {
      fail("Runtime.InvalidArguments", "the event is not a JSON object, and ", usage_text(takes, handler_name))
    }
    args <- list(event)
    if (length(first)) {
      names(args) <- first[[1L]]
    }
  }
  missing <- not_in(takes$required, names(args))
  if (length(missing) && !(length(args) && is.null(names(args)))) {
    fail(
      "Runtime.InvalidArguments", "missing argument", plural(missing), " ", quoted(missing), ": ",
      usage_text(takes, handler_name)
    )
  }
  args
}

# match_arguments() takes the keys of an event as argument names. They match
# exactly: an R call would take "num" for `number`.
match_arguments <- function(event, takes, handler_name) {
  keys <- as.character(names(event))
  if (anyDuplicated(keys)) {
    fail("Runtime.InvalidArguments", "the event has the key ", quoted(keys[duplicated(keys)]), " more than once")
  }
  unknown <- not_in(keys, not_in(takes$names, "context"))
  if (takes$dots) {
    unknown <- unknown[!is_argument_name(unknown)]
  }
  if (length(unknown)) {
    fail(
      "Runtime.InvalidArguments", "unknown argument", plural(unknown), " ", quoted(unknown), ": ",
      usage_text(takes, handler_name)
    )
  }
  as.list(event)
}

# is_argument_name() is FALSE for what an R call cannot have as an argument's name.
is_argument_name <- function(x) {
  nzchar(x) & nchar(x, "bytes") <= 10000L & !grepl("^[.][.]([.]|[0-9]+)$", x)
}

# not_in() is setdiff() for strings, at a fifth of its time.
not_in <- function(x, table) x[match(x, table, 0L) == 0L]

plural <- function(x) if (length(x) == 1L) "" else "s"

quoted <- function(x) {
  shown <- encodeString(head_of(x, 10L), quote = "\"")
  paste(c(shown, if (length(x) > 10L) "..."), collapse = ", ")
}

head_of <- function(x, n) x[seq_len(min(n, length(x)))]

usage_text <- function(takes, handler_name) {
  described <- c(
    ifelse(takes$names %in% takes$required, takes$names, paste0("[", takes$names, "]")),
    if (takes$dots) "..."
  )
  described <- setdiff(described, "[context]")
  if (length(described) == 0L) {
    return(paste0(handler_name, " takes no arguments"))
  }
  paste0(handler_name, " takes ", paste(described, collapse = ", "), if (any(startsWith(described, "["))) " ([optional])")
}

# decode_event() parses the event's bytes. No bytes are no event.
decode_event <- function(bytes) {
  unmarshal_error <- function(e) {
    if (grepl("C stack usage|nested too deeply", condition_text(e))) {
      fail("Runtime.UnmarshalError", "the event is nested too deeply for R")
    }
    fail("Runtime.UnmarshalError", "the event is not valid JSON: ", condition_text(e))
  }
  text <- tryCatch(bytes_to_text(bytes), error = unmarshal_error)
  # The fixed pattern first: it is quick, and finds nothing in nearly every event.
  if (grepl("\\u0000", text, fixed = TRUE) && grepl("(^|[^\\\\])(\\\\\\\\)*\\\\u0000", text)) {
    fail("Runtime.UnmarshalError", "the event has the character \\u0000, which an R string cannot hold")
  }
  is_object <- startsWith(text, "{") || grepl("^[ \t\r\n]*[{]", text)
  if (!is_object && !grepl("[^ \t\r\n]", text)) {
    return(list(value = NULL, is_object = FALSE))
  }
  list(
    value = tryCatch(parse_text(text, simplify_events()), error = unmarshal_error),
    is_object = is_object
  )
}

# simplify_events() is FALSE when events are wanted as plain lists.
simplify_events <- function() {
  !identical(tolower(Sys.getenv("LAMBDA_R_SIMPLIFY")), "false")
}

# call_handler() calls the handler with its arguments as a user would write it, so
# that stack traces, match.call() and substitute() show names and not whole data.
call_handler <- function(handler, name, args) {
  env <- new.env(parent = globalenv())
  env[[name]] <- handler
  # An event that is no object can go to `...`, without a name.
  symbols <- if (is.null(names(args))) rep("event", length(args)) else names(args)
  for (i in seq_along(args)) {
    assign(symbols[[i]], args[[i]], envir = env) # env[[symbol]] <- NULL would assign nothing
  }
  values <- lapply(symbols, as.name)
  names(values) <- names(args)
  if (name %in% symbols) {
    # An argument has the handler's own name.
    return(call_user(as.call(c(list(handler), values)), env))
  }
  call_user(as.call(c(list(as.name(name)), values)), env)
}

# encode_or_fail() encodes a result, or says which element of it cannot be.
encode_or_fail <- function(value) {
  tryCatch(encode_result(value), error = function(e) {
    fail(
      "Runtime.MarshalError", "the result cannot be encoded as JSON: ",
      tryCatch(find_unencodable(value), error = function(e) "result"), ": ", condition_text(e)
    )
  })
}
