library(lambdr)

page <- function(name) {
  switch(name,
    home = html_response("<h1>Home</h1>", content_type = "text/html", headers = list("Cache-Control" = "no-store")),
    data = html_response(as_stringified_json(list(rows = 1:2)), status_code = 202L),
    secret = stop("the password is in the message"),
    stop_html("there is no page ", name, code = 404L)
  )
}

start_lambda()
