local_edition(3)

tags <- htmltools::tags

# dependency() returns an htmltools dependency on files in a folder of its own.
dependency <- function(..., files = list(), env = parent.frame()) {
  dir <- withr::local_tempdir(.local_envir = env)
  for (name in names(files)) {
    dir.create(dirname(file.path(dir, name)), showWarnings = FALSE, recursive = TRUE)
    writeLines(files[[name]], file.path(dir, name))
  }
  htmltools::htmlDependency("lib", "1.0", src = c(file = dir), ...)
}

# decoded() returns the content of the data URI that follows `before` in HTML or CSS.
decoded <- function(html, before) {
  uri <- sub(paste0("^.*", before, "(data:[^\"]*).*$"), "\\1", html)
  data <- sub("^[^,]*,", "", uri)
  if (grepl("^[^,]*;base64,", uri)) {
    return(rawToChar(jsonlite::base64_dec(sub("[^A-Za-z0-9+/=].*$", "", data))))
  }
  for (entity in list(c("&lt;", "<"), c("&gt;", ">"), c("&amp;", "&"))) {
    data <- gsub(entity[[1L]], entity[[2L]], data, fixed = TRUE)
  }
  utils::URLdecode(data)
}

test_that("an <html> element is a whole page with its head", {
  page <- responds(tags$html(lang = "de", tags$head(tags$title("T")), tags$body(class = "b", tags$p("hi"))))
  expect_identical(page$headers[["Content-Type"]], "text/html; charset=utf-8")
  expect_match(page$body, "^<!DOCTYPE html>\n<html lang=\"de\">\n<head>\n<meta charset=\"utf-8\"/>\n.*<title>T</title>.*</head>")
  expect_match(page$body, "<body class=\"b\">\\s*<p>hi</p>\\s*</body>\\s*</html>$")
  expect_length(gregexpr("<(html|head|body)\\b", page$body, perl = TRUE)[[1L]], 3L)
})

test_that("tags with something for the head are a whole page, others are sent as they are", {
  page <- responds(htmltools::tagList(tags$head(tags$title("T")), tags$p("hi")))$body
  expect_match(page, "<head>.*<title>T</title>.*</head>\n<body>\n.*<p>hi</p>.*</body>\n</html>$")
  expect_identical(responds(tags$p("hi"))$body, "<p>hi</p>")
  expect_identical(responds(htmltools::tagList(tags$p("a"), "b"))$body, "<p>a</p>\nb")
})

test_that("scripts, style sheets and what these name are part of the page", {
  lib <- dependency(
    script = "lib.js", stylesheet = "lib.css", meta = list(viewport = "width=device-width"),
    files = list(lib.js = "alert('</script>')", lib.css = "@font-face { src: url('fonts/f.woff2?#x') } a { b: url(#c) url(http://d/e) }", "fonts/f.woff2" = "FONT")
  )
  page <- responds(htmltools::tagList(tags$p("hi"), lib))$body
  expect_identical(decoded(page, "<script src=\""), "alert('</script>')\n")
  css <- decoded(page, "<link href=\"")
  expect_match(css, "@font-face { src: url(data:font/woff2;base64,", fixed = TRUE)
  expect_identical(decoded(css, "url[(]"), "FONT\n")
  expect_match(css, "a { b: url(#c) url(http://d/e) }", fixed = TRUE)
  expect_match(page, "<meta name=\"viewport\" content=\"width=device-width\" />", fixed = TRUE)
})

test_that("dependencies without files are links", {
  cdn <- htmltools::htmlDependency("cdn", "1.0", src = c(href = "https://cdn.example/lib"), script = "lib.js")
  expect_match(responds(htmltools::tagList(tags$p("hi"), cdn))$body, "<script src=\"https://cdn.example/lib/lib.js\">", fixed = TRUE)
})

test_that("a widget is a page by itself, and inside of tags", {
  lib <- dependency(script = "map.js", files = list(map.js = "map()"))
  as_tags <- function(x, standalone = FALSE, ...) {
    htmltools::tagList(tags$div(id = "w", style = if (standalone) "height:100%"), lib)
  }
  registerS3method("as.tags", "htmlwidget", as_tags, asNamespace("htmltools"))
  withr::defer(rm(list = "as.tags.htmlwidget", envir = asNamespace("htmltools")[[".__S3MethodsTable__."]]))
  widget <- structure(list(x = 1), class = c("leaflet", "htmlwidget"))
  alone <- responds(widget)
  expect_identical(alone$headers[["Content-Type"]], "text/html; charset=utf-8")
  expect_match(alone$body, "<div id=\"w\" style=\"height:100%\">", fixed = TRUE)
  expect_identical(decoded(alone$body, "<script src=\""), "map()\n")
  expect_match(responds(htmltools::tagList(tags$h1("M"), widget))$body, "<h1>M</h1>\n<div id=\"w\"></div>", fixed = TRUE)
  direct <- runtime$encode_answer(widget, list(source = "direct"))
  expect_match(jsonlite::parse_json(direct), "^<!DOCTYPE html>")
})

test_that("any class that htmltools can make tags of is a page", {
  registerS3method("as.tags", "gt_tbl", function(x, ...) tags$table(x$rows), asNamespace("htmltools"))
  withr::defer(rm(list = "as.tags.gt_tbl", envir = asNamespace("htmltools")[[".__S3MethodsTable__."]]))
  expect_identical(responds(structure(list(rows = "r"), class = c("gt_tbl", "list")))$body, "<table>r</table>")
  expect_identical(runtime$encode_answer(tags$p("hi"), list(source = "direct")), "\"<p>hi<\\/p>\"")
  for (other in list(structure(list(a = 1), class = c("mine", "list")), data.frame(a = 1), factor("a"))) {
    expect_false(runtime$is_page(other))
  }
})

test_that("kable() is a page, or text", {
  table <- structure("<table></table>", format = "html", class = "knitr_kable")
  page <- responds(table)
  expect_identical(page$headers[["Content-Type"]], "text/html; charset=utf-8")
  expect_match(page$body, "^<!DOCTYPE html>\n<html>\n<head>\n.*</head>\n<body>\n<table></table>\n</body>\n</html>$")
  text <- responds(structure(c("|a|", "|-|"), format = "pipe", class = "knitr_kable"))
  expect_identical(text$headers[["Content-Type"]], "text/plain; charset=utf-8")
  expect_identical(text$body, "|a|\n|-|")
})
