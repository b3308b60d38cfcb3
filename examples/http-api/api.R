# An HTTP API in one function:
#
#   bootstrap local --http api.handle
#   curl 'localhost:9000/summary?n=50'
#   curl 'localhost:9000/plot?n=50' > plot.png
#   curl -H 'Accept: text/csv' 'localhost:9000/data?n=3'

# Values from the URL arrive as text. A missing one has its default.
handle <- function(n = "100", seed = "1", context) {
  set.seed(whole_number(seed, "seed"))
  x <- rnorm(whole_number(n, "n"))
  switch(context$http$path,
    "/summary" = list(n = length(x), mean = mean(x), sd = sd(x)),
    "/plot" = png_response(hist(x, main = paste(length(x), "draws"), col = "steelblue")),
    "/data" = data.frame(draw = seq_along(x), value = x),
    stop_html("there is /summary, /plot and /data", code = 404L)
  )
}

whole_number <- function(text, name) {
  number <- suppressWarnings(as.integer(text))
  if (length(number) != 1L || is.na(number) || number < 1L || number > 1e5L) {
    stop_html(name, " is a whole number from 1 to 100000", code = 400L)
  }
  number
}
