# A plumber API that fails, or never answers.

inner <- function(x) stop("no such ", x)

#* @get /fails
function(x) inner(x)

#* @get /never
function() promises::promise(function(resolve, reject) NULL)

#* @get /spins
function() {
  repeat {
    1 + 1
  }
}

#* @get /pid
#* @serializer unboxedJSON
function() Sys.getpid()

#* @plumber
function(pr) pr_hook(pr, "exit", function() message("closed"))
