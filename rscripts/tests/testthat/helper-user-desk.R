# The R files of the package lambdaruntime, in an environment like its namespace.

desk <- new.env(parent = baseenv())
package_files <- room_files("loop", "fork", "snapshot", "debug", "web")
for (file in package_files) {
  sys.source(file, desk)
}
desk$.packageName <- "lambdaruntime"
desk$.__S3MethodsTable__. <- list2env(mget(ls(desk, pattern = "^as_(response|result)[.]"), desk))
desk$current$log <- desk$log_at_desk
desk$sample_folder <- function() events_dir

package_exports <- sub("^export\\((.*)\\)$", "\\1", grep("^export", readLines("../../package/NAMESPACE"), value = TRUE))

# local_desk() attaches the package's functions until the end of the test, which has a working
# directory of its own.
local_desk <- function(env = parent.frame()) {
  in_user_dir(env)
  attach(mget(package_exports, desk), name = "package:lambdaruntime", warn.conflicts = FALSE)
  withr::defer(detach("package:lambdaruntime", character.only = TRUE), envir = env)
}

# invoke() writes lines of user code to functions.R and invokes a function of it.
invoke <- function(lines, event = list(), ..., name = "f") {
  writeLines(lines, "functions.R")
  desk$invoke_handler(paste0("functions.", name), event, ...)
}
