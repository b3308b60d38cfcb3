# A server without a framework. The handler is a command: bootstrap local -- Rscript httpuv.R

app <- list(call = function(req) {
  list(
    status = 200L,
    headers = list("Content-Type" = "text/plain"),
    body = paste("hello from", req$PATH_INFO)
  )
})

httpuv::runServer("127.0.0.1", as.integer(Sys.getenv("PORT", "8000")), app)
