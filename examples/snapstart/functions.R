# A function for SnapStart. docs/snapstart.md explains it.
#
#   bootstrap local --snapstart functions.consumption
#   curl -d '{"car": "Fiat 128", "load": 0.5}' http://127.0.0.1:9000/2015-03-31/functions/function/invocations

library(DBI)

# All that is slow to load is in the snapshot.
fit <- lm(mpg ~ wt + hp, data = mtcars)

# A connection does not survive a restore, so it is closed before the snapshot and opened after
# the restore. (The database is a file here, to try the example without a server.)
database <- tempfile(fileext = ".sqlite")
connect <- function() con <<- dbConnect(RSQLite::SQLite(), database)
disconnect <- function() dbDisconnect(con)

connect()
dbWriteTable(con, "cars", data.frame(car = rownames(mtcars), mtcars[c("wt", "hp")]))
on_snapshot(disconnect)
on_restore(connect)

# An invocation before the snapshot: it compiles the functions below and loads what they use.
lambda_config(prime = list(car = "Fiat 128"))

# consumption() predicts the miles per gallon of a car with a load in 1000 lbs.
consumption <- function(car, load = 0) {
  found <- dbGetQuery(con, "SELECT wt, hp FROM cars WHERE car = ?", params = list(car))
  if (nrow(found) == 0L) {
    stop("no car is called ", car)
  }
  found$wt <- found$wt + load
  list(car = car, mpg = round(predict(fit, found)[[1L]], 1L))
}
