# Handlers for HTTP sources.

answers <- function(n, context) list(n = n, path = context$http$path)
fails <- function() {
  secret <- "the password"
  stop("100%s of ", secret)
}
not_found <- function(city = "Atlantis") stop_html("no city ", city, code = 404L)
# A condition of stop_html()'s class without its code.
own_html_error <- function() {
  stop(structure(class = c("html_error", "error", "condition"), list(message = "the password", call = NULL)))
}
draws <- function() {
  plot(1:10)
  recordPlot()
}
draws_nothing <- function() {
  plot(1:10)
  "drawn"
}
splits_header <- function(value) html_response("x", headers = list("X-Value" = value))

# A cache, which persists, and a handler that tries to break the runtime.
count <- 0
counts <- function() {
  count <<- count + 1
  count
}
rampage <- function() {
  rm(list = ls())
  for (name in base::c("c", "list", "lapply", "paste0", "stop", "is.null", "serve", "answer", "current", "fail", "html_response")) {
    assign(name, function(...) base::stop("clobbered"), envir = globalenv())
  }
  masks <- new.env()
  masks$list <- masks$names <- masks$identical <- function(...) base::stop("masked")
  attach(masks, name = "masks")
  options(OutDec = ",", scipen = 10, digits = 3, encoding = "latin1", warn = 2)
  Sys.setlocale("LC_ALL", "C")
  "done"
}

names_of_arguments <- function(...) I(as.character(names(list(...))))
names_of_event <- function(event) I(as.character(names(event)))

given <- function(...) list(...)
repeats <- function() html_response("x", headers = list("Set-Cookie" = "a=1", "X-A" = "1", "Set-Cookie" = "b=2", "x-a" = "2"))
