# What making vectors and data frames of JSON costs. A data frame has a cell for each row
# and each key of any row: a few KB of objects without a common key can make gigabytes.

# check_simplifiable() stops where simplifying JSON text would take more than about 4
# seconds, or make far more cells than the text has values. Parsing without it is quick.
check_simplifiable <- function(text) {
  if (!may_cost(text)) {
    return(invisible())
  }
  cost <- simplify_cost(jsonlite::parse_json(text, simplifyVector = FALSE), limit = 4)
  if (cost$seconds > 4 || cost$cells > 10 * cost$members + 1e5) {
    problem <- "the event has arrays that are too irregular, or too many, to make vectors and data frames of"
    fail(
      "Runtime.UnmarshalError", problem, "; lambda_config(simplify = FALSE) or LAMBDA_R_SIMPLIFY=false leaves them lists",
      public = problem
    )
  }
}

# may_cost() is FALSE for text that has too little structure to cost much. It saves nearly
# all text from being parsed twice.
may_cost <- function(text) {
  bytes <- charToRaw(text)
  keys <- sum(bytes == as.raw(0x3aL)) # colons, at least so many
  objects <- sum(bytes == as.raw(0x7bL))
  arrays <- sum(bytes == as.raw(0x5bL))
  keys > 1e4 || objects + arrays > 1e4 || as.numeric(keys) * objects > 1e6
}

# simplify_cost() estimates what jsonlite needs to simplify `x`, parsed JSON: list(seconds,
# cells, members), the cells of data frames and the values that are there. It goes no
# further when `limit` seconds are reached. It works on many lists at once: a call for each
# would take as long as what it estimates.
simplify_cost <- function(x, limit) {
  seconds <- cells <- members <- 0
  # visit() takes lists of the same depth, and goes down level by level.
  visit <- function(lists) {
    while (length(lists) && seconds < limit) {
      is_object <- !are_null(lapply(lists, names))
      owner <- rep.int(seq_along(lists), lengths(lists))
      values <- unlist(lists, recursive = FALSE, use.names = FALSE)
      members <<- members + length(values)
      nested <- vapply(values, is.list, NA)
      scalar <- !nested & !are_null(values)
      owner_of_scalar <- owner[scalar]
      inner <- values[nested]
      owner <- owner[nested]
      no_object <- are_null(lapply(inner, names))
      slow <- is_object
      slow[owner] <- TRUE
      seconds <<- seconds + sum(ifelse(slow, 2e-5, 7e-6))
      is_table <- !is_object
      is_table[c(owner_of_scalar, owner[no_object])] <- FALSE
      in_table <- is_table[owner]
      tables <- split(inner[in_table], owner[in_table])
      rows <- lengths(lists)[as.integer(names(tables))]
      for (i in seq_along(tables)) {
        if (seconds > limit) {
          return()
        }
        visit_rows(tables[[i]], rows[[i]])
      }
      lists <- inner[!in_table]
    }
  }
  # The objects of an array are the rows of a data frame; those under one of their keys
  # are a data frame of as many rows, and so on.
  visit_rows <- function(objects, rows) {
    keys <- unlist(lapply(objects, names), use.names = FALSE)
    columns <- unique(keys)
    members <<- members + length(keys)
    cells <<- cells + as.numeric(rows) * length(columns)
    # jsonlite looks for each column's name from the first to the last of a row.
    compared <- as.numeric(length(keys)) * length(columns) / 2
    seconds <<- seconds + 2e-5 * (1 + length(columns)) + 5e-8 * rows * length(columns) + 7e-9 * compared
    values <- unlist(objects, recursive = FALSE, use.names = FALSE)
    nested <- vapply(values, is.list, NA)
    if (!any(nested) || seconds > limit) {
      return()
    }
    no_row <- nested
    no_row[nested] <- are_null(lapply(values[nested], names))
    no_row[!nested] <- !are_null(values[!nested])
    groups <- split(values[nested], keys[nested])
    is_table <- !names(groups) %in% keys[no_row]
    for (group in groups[is_table]) {
      visit_rows(group, rows)
    }
    visit(unlist(groups[!is_table], recursive = FALSE, use.names = FALSE))
  }
  if (is.list(x)) {
    visit(list(x))
  }
  list(seconds = seconds, cells = cells, members = members)
}

are_null <- function(x) vapply(x, is.null, NA)
