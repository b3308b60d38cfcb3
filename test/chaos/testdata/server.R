# The handler of the chaos suite as a web server.

on_fork <- on_shutdown <- function(f) NULL # a server has no hooks

source("chaos.R")

httpuv::runServer("0.0.0.0", 8000, list(call = function(req) {
  event <- jsonlite::parse_json(rawToChar(req$rook.input$read()))
  result <- do.call(run, event)
  list(status = 200L, headers = list("Content-Type" = "application/json"), body = jsonlite::toJSON(result, auto_unbox = TRUE))
}))
