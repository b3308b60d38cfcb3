# Answers the questions of r.go: writes lines of name=value to file descriptor 4.
local({
  answers <- list(
    version = getRversion(),
    home = R.home(),
    lib_path = .libPaths(),
    ld_library_path = Sys.getenv("LD_LIBRARY_PATH"),
    locale = Sys.getlocale("LC_CTYPE"),
    utf8 = l10n_info()[["UTF-8"]],
    cairo = suppressWarnings(grDevices::grSoftVersion()[["cairo"]])
  )
  answers <- c(answers, tryCatch(
    list(jsonlite = getNamespaceVersion("jsonlite")),
    error = function(e) list(no_jsonlite = conditionMessage(e))
  ))
  lines <- lapply(names(answers), function(name) {
    paste0(name, "=", gsub("[\r\n]+", " ", enc2utf8(as.character(answers[[name]]))))
  })
  writeLines(unlist(lines), "/proc/self/fd/4", useBytes = TRUE)
})
