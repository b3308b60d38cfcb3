message("loading")

# logger::log_errors() and log_warnings() do the same.
globalCallingHandlers(
  error = function(e) cat("global error:", conditionMessage(e), "\n"),
  warning = function(w) cat("global warning:", conditionMessage(w), "\n")
)
rlang::global_entrace()

# progressr::handlers(global = TRUE) does the same.
globalCallingHandlers(condition = function(cond) {
  if (inherits(cond, "progression")) cat("progress:", conditionMessage(cond), "\n")
})

inner <- function() stop("not today")

f <- function(what) {
  switch(what,
    error = inner(),
    c_error = 1 + "a",
    warning = {
      warning("careful")
      "warned"
    },
    message = {
      message("hello")
      "sent"
    },
    progress = {
      signalCondition(structure(class = c("progression", "condition"), list(message = "50%", call = NULL)))
      "made"
    },
    caught = tryCatch(stop("x"), error = function(e) "caught"),
    late = {
      globalCallingHandlers(message = function(m) cat("late saw:", conditionMessage(m)))
      "added"
    },
    overflow = {
      options(expressions = 500000)
      endless <- function() endless() + 1
      endless()
    },
    finalizer = {
      local(reg.finalizer(environment(), function(e) stop("finalized")))
      gc()
      "collected"
    },
    remove = {
      globalCallingHandlers(NULL)
      stop("removed")
    }
  )
}
