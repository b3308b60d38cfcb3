# A server of httpuv with a port in the script and a path for each fault.
cat("starting\n")
set.seed(1)
seen <- new.env()

text <- function(body, status = 200L, ...) {
  list(status = status, headers = list("Content-Type" = "text/plain", ...), body = body)
}

# meet() waits until four processes are in here at the same time.
meet <- function(dir) {
  file.create(file.path(dir, Sys.getpid()))
  while (length(list.files(dir)) < 4L) Sys.sleep(0.01)
  text("met")
}

nap <- function(seconds) {
  Sys.sleep(seconds)
  text("rested")
}

die <- function(pid) {
  tools::pskill(pid, tools::SIGKILL)
  Sys.sleep(10)
}

paths <- list(
  "/pid" = function(req) text(as.character(Sys.getpid())),
  "/echo" = function(req) list(status = 200L, headers = list("Content-Type" = req$CONTENT_TYPE), body = req$rook.input$read()),
  "//request" = function(req) text(req$PATH_INFO),
  "/request" = function(req) text(paste(req$REQUEST_METHOD, req$PATH_INFO, req$QUERY_STRING, req$HTTP_COOKIE)),
  "/header" = function(req) text(req$HEADERS[[substring(req$QUERY_STRING, 2L)]]),
  "/cookies" = function(req) text("", 200L, "Set-Cookie" = "a=1", "Set-Cookie" = "b=2"),
  "/png" = function(req) list(status = 200L, headers = list("Content-Type" = "image/png"), body = as.raw(c(0x89, 0x50, 0, 255))),
  "/none" = function(req) list(status = 204L, headers = list(), body = ""),
  "/big" = function(req) text(strrep("x", 7e6)),
  "/sleep" = function(req) nap(60),
  "/meet" = function(req) meet(Sys.getenv("MEETING")),
  "/draw" = function(req) text(paste(stats::runif(1), tempdir(), Sys.getenv("TMPDIR"), length(search()))),
  "/hoard" = function(req) text(as.character(length(rep(1, 3e7)))), # 240 MB
  "/die" = function(req) die(Sys.getpid()),
  "/quit" = function(req) quit("no", 7L),
  "/stop" = function(req) stop("no luck"),
  "/warn" = function(req) {
    warning("careful")
    text("warned")
  },
  "/unavailable" = function(req) text("later", 503L),
  "/events" = function(req) {
    event <- rawToChar(req$rook.input$read())
    if (grepl("bad", event)) text("not this one", 500L) else list(status = 200L, headers = list("Content-Type" = "application/json"), body = event)
  }
)

reg.finalizer(seen, function(e) cat("finished\n"), onexit = TRUE)
server <- httpuv::startServer("0.0.0.0", 8000, list(call = function(req) {
  path <- paths[[req$PATH_INFO]]
  if (is.null(path)) text("no such path", 404L) else path(req)
}))
repeat httpuv::service()
