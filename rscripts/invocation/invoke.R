# One invocation: the event to arguments, the call, and the result to JSON.

# An event, decoded, is a list: `text`; `value`, the R value; `is_object`, whether it is a
# JSON object; `simplified`, whether that value was; `source`, see events.R; and `request`,
# see request.R, on HTTP sources.

# read_event() decodes an event's bytes for a handler.
read_event <- function(bytes, handler) {
  text <- event_text(bytes)
  in_batches <- inherits(handler, "batch_handler") # which reads the event itself
  own <- if (!in_batches) settings$deserialiser
  simplified <- !in_batches && simplify_events()
  decoded <- tryCatch(
    decode_text(text, simplified),
    runtime_failure = function(e) {
      if (is.null(settings$lambdr_deserialiser)) {
        refuse_nul_request(text)
      }
      if (is.null(own) && is.null(settings$lambdr_deserialiser)) stop(e) else list(value = NULL, is_object = FALSE)
    }
  )
  decoded$text <- text
  decoded$simplified <- simplified
  decoded$source <- if (decoded$is_object) event_source(decoded$value) else "direct"
  if (is_http(decoded$source)) {
    decoded$request <- new_request(decoded$value, decoded$source)
  } else if (!is.null(own)) {
    decoded[c("value", "is_object")] <- deserialise(text)
    decoded$source <- "direct" # whatever it was, it is the user's now
  }
  decoded
}

# refuse_nul_request() answers an HTTP request with the character \u0000 in it, as a URL
# with %00 makes one, with status 400: it is no error of the function's.
refuse_nul_request <- function(text) {
  if (!has_nul(text)) {
    return()
  }
  replaced <- gsub("\\u0000", "\\ufffd", text, fixed = TRUE)
  value <- tryCatch(decode_text(replaced, simplify = FALSE)$value, runtime_failure = function(e) NULL)
  source <- event_source(value)
  if (is_http(source)) {
    current$event <- list(source = source, request = new_request(value, source))
    bad_request("the request has ", nul_problem)
  }
}

# bind_arguments() returns the named list of arguments that `event` gives to a
# handler that takes `takes`, see handler_arguments().
bind_arguments <- function(event, takes, handler_name) {
  if (settings$lambdr_arguments) {
    return(refuse_many(lambdr_arguments(event), event, takes))
  }
  if (takes$event) {
    return(list(event = event$value))
  }
  given <- event
  if (is_http(event$source)) {
    given <- request_arguments(event$request, takes)
  } else if (event$source == "eventbridge") {
    detail <- member(event$value, "detail")
    given <- list(value = detail, is_object = is.list(detail) && !is.null(names(detail)))
  } else if (event$source != "direct") {
    given$is_object <- FALSE # records: the whole event is the first argument
  }
  args <- list()
  if (given$is_object) {
    args <- match_arguments(given$value, takes, handler_name)
  } else if (!is.null(given$value)) {
    first <- not_in(takes$before_dots, "context") # what is behind `...` is an option
    if (length(first) == 0L && !takes$dots) {
      refuse_arguments("the event is not a JSON object", takes, handler_name)
    }
    args <- list(given$value)
    if (length(first)) {
      names(args) <- first[[1L]]
    }
  }
  missing <- not_in(takes$required, names(args))
  if (length(missing)) {
    refuse_arguments(paste0("missing argument", plural(missing), " ", quoted(missing)), takes, handler_name)
  }
  refuse_many(args, event, takes)
}

# refuse_many() returns `args`, unless a request gives very many to `...`: R never forgets a
# name that an argument had, and so strangers could use up the memory.
refuse_many <- function(args, event, takes) {
  if (is_http(event$source) && length(args) > 1000L + length(takes$names)) {
    bad_request("the request gives more than 1000 arguments")
  }
  args
}

# refuse_arguments() stops because of arguments that do not fit. An HTTP caller gets to
# know the problem, but not all that the handler takes.
refuse_arguments <- function(problem, takes, handler_name) {
  fail("Runtime.InvalidArguments", problem, ": ", usage_text(takes, handler_name), public = problem)
}

# match_arguments() takes the keys of an event as argument names. They match
# exactly: an R call would take "num" for `number`.
match_arguments <- function(event, takes, handler_name) {
  keys <- as.character(names(event))
  if (anyDuplicated(keys)) {
    refuse_arguments(paste0("the event has the key ", quoted(keys[duplicated(keys)]), " more than once"), takes, handler_name)
  }
  unknown <- not_in(keys, not_in(takes$names, "context"))
  if (takes$dots) {
    unknown <- unknown[!is_argument_name(unknown)]
  }
  if (length(unknown)) {
    refuse_arguments(paste0("unknown argument", plural(unknown), " ", quoted(unknown)), takes, handler_name)
  }
  if (takes$dots) {
    refuse_partial(keys, takes, handler_name)
  }
  as.list(event)
}

# refuse_partial() stops on a key for `...` that R would give to an argument before `...`
# whose name only begins so.
refuse_partial <- function(keys, takes, handler_name) {
  extra <- not_in(keys, takes$names)
  for (name in not_in(takes$before_dots, c("context", keys))) {
    part <- extra[startsWith(name, extra)]
    if (length(part)) {
      refuse_arguments(
        paste0("unknown argument ", quoted(part[[1L]]), ", which R would take for ", quoted(name)),
        takes, handler_name
      )
    }
  }
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
  long <- nchar(shown) > 102L
  shown[long] <- paste0(substr(shown[long], 1L, 101L), "...\"")
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

# event_text() returns an event's bytes as a string.
event_text <- function(bytes) {
  tryCatch(bytes_to_text(bytes), error = unmarshal_error)
}

unmarshal_error <- function(e) {
  if (inherits(e, "runtime_failure")) {
    stop(e)
  }
  if (grepl("C stack usage|nested too deeply|stack overflow", condition_text(e))) {
    fail("Runtime.UnmarshalError", "the event is nested too deeply for R")
  }
  fail("Runtime.UnmarshalError", "the event is not valid JSON: ", condition_text(e))
}

# decode_text() parses JSON text: list(value, is_object). No text is no event.
decode_text <- function(text, simplify = simplify_events()) {
  text <- without_mark(text)
  if (has_nul(text)) {
    fail("Runtime.UnmarshalError", "the event has ", nul_problem)
  }
  is_object <- startsWith(text, "{") || grepl("^[ \t\r\n]*[{]", text)
  if (!is_object && !grepl("[^ \t\r\n]", text)) {
    return(list(value = NULL, is_object = FALSE))
  }
  list(
    value = tryCatch(parse_text(text, simplify), error = unmarshal_error),
    is_object = is_object
  )
}

# has_nul() is TRUE for JSON text with the character \u0000. The fixed pattern first: it is
# quick, and finds nothing in nearly every event.
has_nul <- function(text) {
  grepl("\\u0000", text, fixed = TRUE) && grepl("(^|[^\\\\])(\\\\\\\\)*\\\\u0000", text)
}

nul_problem <- "the character \\u0000, which an R string cannot hold"

# deserialise() makes an R value of text: JSON, or what lambda_config(deserialiser = ) says.
deserialise <- function(text) {
  if (is.null(settings$deserialiser)) {
    return(decode_text(text))
  }
  value <- call_user(as.call(list(settings$deserialiser, text)), globalenv())
  list(value = value, is_object = is.list(value) && !is.data.frame(value) && !is.null(names(value)))
}

# serialise() makes text of a result: JSON, or what lambda_config(serialiser = ) says.
serialise <- function(value) {
  if (is.null(settings$serialiser) || inherits(value, "json")) {
    return(encode_or_fail(value))
  }
  text <- call_user(as.call(list(settings$serialiser, value)), globalenv())
  if (!is_text(text)) {
    fail("Runtime.MarshalError", "the serialiser of lambda_config() returned no string, but ", class(text)[[1L]])
  }
  enc2utf8(as.character(text))
}

# encode_answer() returns the JSON of what a handler returned, as the event's source
# takes it.
encode_answer <- function(value, event) {
  if (!is.null(settings$lambdr_serialiser)) {
    lambdr_result(value)
  } else if (is_serialised(value)) {
    enc2utf8(as.character(value))
  } else if (is_http(event$source)) {
    encode_response(value, event$request)
  } else if (inherits(value, "lambda_response")) {
    result <- proxy_result(value, list(source = "http"))
    encode_or_fail(result)
  } else if (is_plot(value)) {
    bytes <- png_bytes(value, 800, 600, 96)
    encode_or_fail(bytes) # in base64, as other raw bytes are
  } else {
    serialise(value)
  }
}

# call_handler() calls the handler with its arguments as a user would write it, so
# that stack traces, match.call() and substitute() show names and not whole data.
call_handler <- function(handler, name, args) {
  env <- new.env(parent = globalenv())
  env[[name]] <- handler
  # An event that is no object can go to `...`, without a name.
  symbols <- if (is.null(names(args))) rep("event", length(args)) else names(args)
  symbols[!nzchar(symbols)] <- "event" # with a context, which has one
  if (settings$lambdr_arguments) { # these can be of any name, and without
    symbols[!is_argument_name(symbols)] <- "event"
    symbols <- make.unique(symbols)
  }
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
