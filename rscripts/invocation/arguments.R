# Arguments: what a handler takes, and what an event gives it.

# handler_arguments() describes what a handler takes.
handler_arguments <- function(handler) {
  formals <- formals(args(handler))
  names <- as.character(names(formals))
  has_default <- vapply(formals, function(f) !(is.name(f) && !nzchar(f)), NA)
  list(
    names = setdiff(names, "..."),
    before_dots = names[!cumsum(names == "...")],
    required = names[!has_default & !names %in% c("...", "event", "context")],
    dots = "..." %in% names,
    event = "event" %in% names,
    context = "context" %in% names
  )
}

# check_arguments() stops on a handler that takes the whole event and yet has another
# argument that must be given: it could only fail.
check_arguments <- function(takes, name) {
  if (takes$event && length(takes$required) && !settings$lambdr_arguments) {
    fail(
      "Runtime.InvalidArguments", name, " takes the whole event, as its argument event says, so nothing can be given for ",
      quoted(takes$required), ": give ", plural_it(takes$required), " a default, or take ", plural_it(takes$required),
      " out of event"
    )
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
    detail <- pluck(event$value, "detail")
    given <- list(value = detail, is_object = is.list(detail) && !is.null(names(detail)))
  } else if (event$source != "direct") {
    given$is_object <- FALSE # records: the whole event is the first argument
  }
  args <- list()
  if (given$is_object) {
    args <- match_arguments(given$value, takes, handler_name)
  } else if (!is.null(given$value)) {
    first <- setdiff_strings(takes$before_dots, "context") # what is behind `...` is an option
    if (length(first) == 0L && !takes$dots) {
      refuse_arguments("the event is not a JSON object", takes, handler_name)
    }
    args <- list(given$value)
    if (length(first)) {
      names(args) <- first[[1L]]
    }
  }
  missing <- setdiff_strings(takes$required, names(args))
  if (length(missing)) {
    refuse_arguments(paste0("missing argument", plural_s(missing), " ", quoted(missing)), takes, handler_name)
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
  unknown <- setdiff_strings(keys, setdiff_strings(takes$names, "context"))
  if (takes$dots) {
    unknown <- unknown[!is_argument_name(unknown)]
  }
  if (length(unknown)) {
    refuse_arguments(paste0("unknown argument", plural_s(unknown), " ", quoted(unknown)), takes, handler_name)
  }
  if (takes$dots) {
    refuse_partial(keys, takes, handler_name)
  }
  as.list(event)
}

# refuse_partial() stops on a key for `...` that R would give to an argument before `...`
# whose name only begins so.
refuse_partial <- function(keys, takes, handler_name) {
  extra <- setdiff_strings(keys, takes$names)
  for (name in setdiff_strings(takes$before_dots, c("context", keys))) {
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
