text <- function(body) list(status = 200L, headers = list("Content-Type" = "text/plain"), body = body)
s <- httpuv::startServer("127.0.0.1", 8000, list(call = function(req) {
  switch(req$PATH_INFO,
    "/second" = {
      Sys.sleep(1)
      text("slept")
    },
    "/echo" = list(status = 200L, headers = list("Content-Type" = "application/octet-stream"), body = req$rook.input$read()),
    "/die" = tools::pskill(Sys.getpid(), tools::SIGKILL),
    text("hello")
  )
}))
repeat httpuv::service()
