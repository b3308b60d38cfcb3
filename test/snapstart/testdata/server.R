# A web server that draws from the same sources.
on_snapshot <- on_restore <- lambda_config <- function(...) NULL # a server has none of them
source("draws.R")

httpuv::runServer("0.0.0.0", 8000, list(call = function(req) {
  list(status = 200L, headers = list("Content-Type" = "application/json"), body = jsonlite::toJSON(draw(), auto_unbox = TRUE, digits = NA))
}))
