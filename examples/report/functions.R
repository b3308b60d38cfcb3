# A report of R Markdown as a web page:
#
#   bootstrap local --http functions.report
#   curl 'http://127.0.0.1:9000/?cylinders=6' > report.html

library(rmarkdown)

# Only /tmp can be written in Lambda, so everything that render() writes goes to tempdir().
# file_response() deletes the page once it is sent.
report <- function(cylinders = "4") {
  if (!cylinders %in% c("4", "6", "8")) {
    stop_html("cylinders is 4, 6 or 8", code = 400L)
  }
  page <- render("report.Rmd",
    output_file = tempfile(fileext = ".html"), intermediates_dir = tempdir(), quiet = TRUE,
    params = list(cylinders = as.integer(cylinders)), envir = new.env()
  )
  file_response(page)
}
