# run() answers in each way that the console shows.
run <- function(what = "json", n = 1, text = "") {
  cat("printed:", what, "\n")
  switch(what,
    json = list(n = n, text = text, nested = list(a = list(b = list(c = 1:3)), many = as.list(1:30)), big = 1e15),
    echo = text,
    error = outer_call(n),
    rlang = rlang::abort("the second", parent = simpleError("the first")),
    plot = png_response(plot(1:10, main = "a plot"), width = 300, height = 200),
    html = html_response(paste0(
      "<!doctype html><style>body { background: rgb(10, 200, 30) }</style><h1>A page</h1>",
      "<script>document.body.style.background = 'red'; parent.document.title = 'a script ran'</script><p>", text
    )),
    csv = html_response("name,value\n\"a, b\",1\n\"say \"\"hi\"\"\",2\n", content_type = "text/csv"),
    text = html_response("plain <b>text</b>", content_type = "text/plain"),
    stream = stream_response(function(write) {
      write("a piece, ")
      write("another")
    }, content_type = "text/plain"),
    sleep = Sys.sleep(n),
    log = {
      message("a message: ", text)
      warning("a warning")
      print(text)
    },
    pid = Sys.getpid(),
    die = tools::pskill(Sys.getpid(), tools::SIGKILL)
  )
}

outer_call <- function(n) {
  x <- n + 1
  inner_call(x)
}

inner_call <- function(x) {
  y <- x
  stop("no luck with ", y)
}

echo <- function(event) event
