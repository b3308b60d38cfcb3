repeat_forever <- function() repeat NULL
first <- function() {
  repeat_forever()
}
lapply(1, function(i) first())
f <- function() 1
