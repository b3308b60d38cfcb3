#* @get /
#* @serializer text
function() "hello"

#* @get /die
function() tools::pskill(Sys.getpid(), tools::SIGKILL)
