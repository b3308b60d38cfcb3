# Arguments: what an event gives to a handler.

# bind_arguments() returns the arguments that `event` gives to a handler, a list with their
# names. An event that does not fit stops with Runtime.InvalidArguments.
bind_arguments <- function(event, handler) {
  takes <- handler$arguments
  if (settings$lambdr_arguments) {
    return(limit_arguments(lambdr_arguments(event), event, takes))
  }
  if (takes$event) {
    return(list(event = event$value))
  }
  given <- sources[[event$source]]$arguments(event, takes)
  args <- if (given$is_object) {
    match_arguments(given$value, handler)
  } else if (!is.null(given$value)) {
    first_argument(given$value, handler)
  } else {
    list()
  }
  if (length(takes$required) && length(missing <- setdiff_strings(takes$required, names(args)))) {
    refuse_arguments(paste0("missing argument", plural_s(missing), " ", quoted(missing)), handler)
  }
  limit_arguments(args, event, takes)
}

# match_arguments() returns an event's keys as arguments. Keys must match names exactly: an R
# call would take "num" for `number`.
match_arguments <- function(event, handler) {
  takes <- handler$arguments
  keys <- as.character(names(event))
  if (anyDuplicated(keys) > 0L) {
    refuse_arguments(paste0("the event has the key ", quoted(keys[duplicated(keys)]), " more than once"), handler)
  }
  unknown <- setdiff_strings(keys, takes$given)
  if (takes$dots) {
    unknown <- unknown[!is_argument_name(unknown)]
  }
  if (length(unknown)) {
    refuse_arguments(paste0("unknown argument", plural_s(unknown), " ", quoted(unknown)), handler)
  }
  if (takes$dots) {
    refuse_partial(keys, handler)
  }
  as.list(event)
}

# refuse_partial() stops on a key for `...` that is the beginning of the name of an argument
# before `...`: R would give it to that one.
refuse_partial <- function(keys, handler) {
  takes <- handler$arguments
  extra <- setdiff_strings(keys, takes$names)
  for (name in setdiff_strings(takes$before_dots, c("context", keys))) {
    part <- extra[startsWith(name, extra)]
    if (length(part)) {
      problem <- paste0("unknown argument ", quoted(part[[1L]]), ", which R would take for ", quoted(name))
      refuse_arguments(problem, handler)
    }
  }
}

# first_argument() gives an event that is not a JSON object to the first argument, or to `...`
# if that comes first: arguments behind it are options.
first_argument <- function(value, handler) {
  takes <- handler$arguments
  first <- setdiff_strings(takes$before_dots, "context")
  if (length(first)) {
    structure(list(value), names = first[[1L]])
  } else if (takes$dots) {
    list(value)
  } else {
    refuse_arguments("the event is not a JSON object", handler)
  }
}

# limit_arguments() returns `args`. It stops if an event gives very many to `...`: R never frees the
# name of an argument, so strangers could use up the memory, and a call with that many takes
# seconds.
limit_arguments <- function(args, event, takes) {
  if (length(args) > 1000L + length(takes$names) && is_http(event$source)) {
    bad_request("the request gives more than 1000 arguments")
  }
  if (length(args) > 10000L + length(takes$names)) {
    fail(
      "Runtime.InvalidArguments", "the event gives more than 10000 arguments; ",
      "a handler with an argument event gets an event of any size"
    )
  }
  args
}

# is_argument_name() is FALSE for strings that an R call cannot have as an argument's name.
is_argument_name <- function(x) {
  nzchar(x) & nchar(x, "bytes") <= 10000L & !grepl("^[.][.]([.]|[0-9]+)$", x)
}

# refuse_arguments() stops because of arguments that do not fit. An HTTP caller gets the
# problem, but not the list of what the handler takes.
refuse_arguments <- function(problem, handler) {
  fail("Runtime.InvalidArguments", problem, ": ", usage_text(handler), public = problem)
}

# usage_text() says what a handler takes: "parity takes number, [base] ([optional])".
usage_text <- function(handler) {
  takes <- handler$arguments
  names <- setdiff(takes$names, "context")
  optional <- !names %in% takes$required
  described <- c(ifelse(optional, paste0("[", names, "]"), names), if (takes$dots) "...")
  if (length(described) == 0L) {
    return(paste0(handler$name, " takes no arguments"))
  }
  paste0(handler$name, " takes ", paste(described, collapse = ", "), if (any(optional)) " ([optional])")
}
