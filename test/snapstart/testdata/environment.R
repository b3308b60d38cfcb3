# A restored environment reports its credentials, its clock, and a connection made at init.
connect <- function() {
  socketConnection("127.0.0.1", as.integer(Sys.getenv("PORT")), open = "r+b", blocking = TRUE, timeout = 30)
}

con <- connect()
key_at_init <- Sys.getenv("AWS_ACCESS_KEY_ID")
dead <- NULL
on_restore(function() {
  # The other end never writes, so there is something to read only after its end.
  dead <<- socketSelect(list(con), timeout = 0)
  close(con)
  con <<- connect()
})
on_shutdown(function() cat("shut down", Sys.getenv("AWS_ACCESS_KEY_ID"), "\n"))

f <- function(event) {
  writeBin(charToRaw("hello"), con)
  list(
    pid = Sys.getpid(),
    key_at_init = key_at_init,
    key = Sys.getenv("AWS_ACCESS_KEY_ID"),
    secret = Sys.getenv("AWS_SECRET_ACCESS_KEY"),
    token = Sys.getenv("AWS_SESSION_TOKEN"),
    dead = dead,
    time = as.numeric(Sys.time()),
    remaining_ms = remaining_ms()
  )
}
