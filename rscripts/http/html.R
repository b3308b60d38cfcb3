# HTML pages of what the htmltools package knows: tags, and objects that it can make tags of, such
# as those of htmlwidgets and gt.

# is_page() returns TRUE for such objects. It asks htmltools only if that is loaded, as it is when
# a handler has made one.
is_page <- function(value) {
  if (!is.object(value)) {
    return(FALSE)
  }
  if (inherits(value, c("shiny.tag", "shiny.tag.list", "htmlwidget"))) {
    return(TRUE)
  }
  isNamespaceLoaded("htmltools") && any(vapply(class(value), function(class) {
    !class %in% base_classes && !is.null(utils::getS3method("as.tags", class, TRUE, asNamespace("htmltools")))
  }, logical(1)))
}

# html_text() returns the HTML of tags. They are a whole page if they are an <html> element, or if
# they have something for its head: a title, for example, or the scripts of a widget. Other tags
# are sent as they are.
html_text <- function(value) {
  tags <- if (inherits(value, "htmlwidget")) {
    htmltools::as.tags(value, standalone = TRUE)
  } else {
    htmltools::as.tags(value)
  }
  rendered <- htmltools::renderTags(tags)
  html <- paste(rendered$html, collapse = "\n")
  head <- c(dependency_html(rendered$dependencies), paste(rendered$head, collapse = "\n"))
  is_whole <- grepl("^\\s*<html\\b", html, ignore.case = TRUE)
  if (is_whole || any(nzchar(head))) html_document(html, head) else html
}

# html_document() returns a whole page. `html` is an <html> element, a <body> element or a part of
# it; `head` are lines for the <head>.
html_document <- function(html, head = character()) {
  open <- "<html>"
  if (grepl("^\\s*<html\\b", html, ignore.case = TRUE)) {
    open <- sub("^\\s*(<html\\b[^>]*>).*$", "\\1", html, ignore.case = TRUE)
    html <- sub("</html>\\s*$", "", sub("^\\s*<html\\b[^>]*>", "", html, ignore.case = TRUE), ignore.case = TRUE)
  }
  if (!grepl("^\\s*<body\\b", html, ignore.case = TRUE)) {
    html <- paste0("<body>\n", html, "\n</body>")
  }
  head <- c("<meta charset=\"utf-8\"/>", head[nzchar(head)])
  paste(c("<!DOCTYPE html>", open, "<head>", head, "</head>", html, "</html>"), collapse = "\n")
}

# dependency_html() returns the HTML of scripts and style sheets that tags depend on. Those that are
# files are part of it, as data URIs; others are links.
dependency_html <- function(dependencies) {
  dependencies <- lapply(dependencies, function(dependency) {
    path <- dependency$src[["file"]]
    if (!is.null(path)) {
      dependency$src <- list(file = if (is.null(dependency$package)) path else system.file(path, package = dependency$package))
    }
    dependency
  })
  html <- htmltools::renderDependencies(dependencies, c("file", "href"), encodeFunc = identity, hrefFilter = function(paths) {
    vapply(paths, function(path) if (file.exists(path)) data_uri(path) else path, character(1), USE.NAMES = FALSE)
  })
  as.character(html)
}

# data_uri() returns a file as a data URI: text with some characters escaped, other bytes in base64.
# The files that a style sheet names, such as fonts, are part of it.
data_uri <- function(path) {
  bytes <- readBin(path, "raw", file.size(path))
  type <- sub("; ", ";", content_type_of(path), fixed = TRUE)
  text <- if (is_text_type(type)) tryCatch(bytes_to_text(bytes), error = function(e) NULL)
  if (is.null(text)) {
    return(paste0("data:", type, ";base64,", base64_text(bytes)))
  }
  if (startsWith(type, "text/css")) {
    text <- with_inline_files(text, dirname(path))
  }
  for (character in c("%", "#", "\"", "'", "\n", "\r", "\t")) {
    text <- gsub(character, sprintf("%%%02X", utf8ToInt(character)), text, fixed = TRUE)
  }
  paste0("data:", type, ",", text)
}

# with_inline_files() replaces the relative paths in a style sheet in the folder `dir` by data URIs.
with_inline_files <- function(css, dir) {
  pattern <- "url\\(\\s*['\"]?(?![a-z]+:|/|#)([^'\")?#]+)[^)]*\\)"
  found <- regmatches(css, gregexpr(pattern, css, perl = TRUE))[[1L]]
  for (url in unique(found)) {
    path <- file.path(dir, sub(pattern, "\\1", url, perl = TRUE))
    if (file.exists(path) && !grepl("[.]css$", path)) {
      css <- gsub(url, paste0("url(", data_uri(path), ")"), css, fixed = TRUE)
    }
  }
  css
}
