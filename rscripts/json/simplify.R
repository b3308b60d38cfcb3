# The cost of making vectors and data frames of JSON. A data frame has a cell for each row and
# each key of any row, so that a few KB of objects without a common key can become gigabytes.

# Bounds on what jsonlite simplifies. Beyond them it would need many seconds.
max_lists <- 3e5 # arrays, objects and columns; jsonlite spends 7 to 20 us on each
max_key_lookups <- 5e8 # jsonlite compares each column's name with all keys of a row
max_depth <- 1000L # jsonlite recurs for each level

# check_simplifiable() stops if simplifying JSON text would exceed a bound, or would make far more
# cells than the text has values. Parsing without simplifying is quick.
check_simplifiable <- function(text) {
  if (!may_cost(text)) {
    return(invisible())
  }
  cost <- simplify_cost(jsonlite::parse_json(text, simplifyVector = FALSE))
  if (is_beyond_bounds(cost) || cost$cells > 10 * cost$members + 1e5) {
    problem <- "the event has arrays that are too irregular, or too many, to make vectors and data frames of"
    fail(
      "Runtime.UnmarshalError", problem, "; lambda_config(simplify = FALSE) or LAMBDA_R_SIMPLIFY=false leaves them lists",
      public = problem
    )
  }
}

# may_cost() returns FALSE for text with too little structure to exceed a bound. It saves nearly
# all text from being parsed twice.
may_cost <- function(text) {
  bytes <- charToRaw(text)
  keys <- sum(bytes == as.raw(0x3aL)) # colons: as many as keys, or more
  objects <- sum(bytes == as.raw(0x7bL))
  arrays <- sum(bytes == as.raw(0x5bL))
  keys > 1e4 || objects + arrays > 1e4 || as.numeric(keys) * objects > 1e6
}

is_beyond_bounds <- function(cost) {
  cost$lists > max_lists || cost$key_lookups > max_key_lookups || cost$depth > max_depth
}

# simplify_cost() counts what jsonlite does to simplify `x`, parsed JSON. It stops counting soon
# after a bound is exceeded. It works on all lists of a level at once: a call for each would take
# as long as simplifying them. The result has
# * lists: the arrays, objects and columns, but not the rows,
# * depth: the levels of lists,
# * cells: the cells of the data frames,
# * members: the values that are there,
# * key_lookups: the comparisons of a column's name with a row's keys.
simplify_cost <- function(x) {
  cost <- list(lists = 0, depth = 0, cells = 0, members = 0, key_lookups = 0)
  # visit() counts `lists`, which have the same depth, and what is in them.
  visit <- function(lists, depth) {
    while (length(lists)) {
      cost$lists <<- cost$lists + length(lists)
      cost$depth <<- max(cost$depth, depth)
      is_object <- !are_null(lapply(lists, names))
      owner <- rep.int(seq_along(lists), lengths(lists))
      values <- unlist(lists, recursive = FALSE, use.names = FALSE)
      cost$members <<- cost$members + length(values)
      nested <- vapply(values, is.list, logical(1))
      owner_of_scalar <- owner[!nested & !are_null(values)]
      inner <- values[nested]
      owner <- owner[nested]
      no_object <- are_null(lapply(inner, names))
      is_table <- !is_object
      is_table[c(owner_of_scalar, owner[no_object])] <- FALSE
      in_table <- is_table[owner]
      tables <- split(inner[in_table], owner[in_table])
      rows <- lengths(lists)[as.integer(names(tables))]
      for (i in seq_along(tables)) {
        visit_rows(tables[[i]], rows[[i]], depth + 1)
        if (is_beyond_bounds(cost)) {
          return()
        }
      }
      lists <- inner[!in_table]
      depth <- depth + 1
      if (is_beyond_bounds(cost)) {
        return()
      }
    }
  }
  # visit_rows() counts the objects of an array: they are the rows of a data frame. Those under
  # one of their keys are another data frame with as many rows, and so on.
  visit_rows <- function(objects, rows, depth) {
    keys <- unlist(lapply(objects, names), use.names = FALSE)
    columns <- unique(keys)
    cost$lists <<- cost$lists + 1 + length(columns)
    cost$depth <<- max(cost$depth, depth)
    cost$members <<- cost$members + length(keys)
    cost$cells <<- cost$cells + as.numeric(rows) * length(columns)
    cost$key_lookups <<- cost$key_lookups + as.numeric(length(keys)) * length(columns) / 2
    values <- unlist(objects, recursive = FALSE, use.names = FALSE)
    nested <- vapply(values, is.list, logical(1))
    if (!any(nested) || is_beyond_bounds(cost)) {
      return()
    }
    no_row <- nested
    no_row[nested] <- are_null(lapply(values[nested], names))
    no_row[!nested] <- !are_null(values[!nested])
    groups <- split(values[nested], keys[nested])
    is_table <- !names(groups) %in% keys[no_row]
    for (group in groups[is_table]) {
      visit_rows(group, rows, depth + 1)
    }
    visit(unlist(groups[!is_table], recursive = FALSE, use.names = FALSE), depth + 1)
  }
  if (is.list(x)) {
    visit(list(x), 1)
  }
  cost
}

are_null <- function(x) vapply(x, is.null, logical(1))
