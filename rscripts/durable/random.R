# Random numbers: outside of steps they are the same in each replay, in steps they are R's own.

# with_seed_of() evaluates `expr`, the code of a context, with the random numbers of that context.
# They depend on nothing but the execution and the place of the context, because a context that has
# ended draws none in a replay.
with_seed_of <- function(execution, context, expr) {
  seed <- seed_state()
  if (is.null(context$outer)) {
    execution$seed <- list(seed)
    on.exit(set_seed_state(execution$seed[[1L]]))
  } else {
    on.exit(set_seed_state(seed))
  }
  set.seed(seed_number(paste0(execution$arn, " ", context$path)))
  expr
}

# with_own_seed() evaluates `expr`, the code of a step, with the random numbers that R draws outside
# of the execution. Otherwise a second attempt would draw those of the first.
with_own_seed <- function(execution, expr) {
  seed <- seed_state()
  on.exit({
    execution$seed <- list(seed_state())
    set_seed_state(seed)
  })
  set_seed_state(execution$seed[[1L]])
  expr
}

# seed_state() returns the state of R's generator, NULL before its first use.
seed_state <- function() get0(".Random.seed", globalenv(), inherits = FALSE)

set_seed_state <- function(state) {
  if (!is.null(state)) {
    list2env(list(.Random.seed = state), globalenv())
  } else if (!is.null(seed_state())) {
    rm(".Random.seed", envir = globalenv())
  }
}

# seed_number() returns a whole number that depends on each character of a text.
seed_number <- function(text) {
  number <- 7
  for (code in utf8ToInt(text)) {
    number <- (number * 131 + code) %% 2147483647
  }
  as.integer(number)
}
