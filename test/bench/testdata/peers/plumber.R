# The same functions as a plumber API.
source("functions.R")

#* @serializer unboxedJSON
#* @get /parity
function(number) parity(number)

#* @serializer unboxedJSON
#* @post /records
function(req) records(req$body$records)

#* @serializer unboxedJSON list(digits = NA)
#* @get /rows
function(n) rows(as.integer(n))

#* @serializer unboxedJSON
#* @get /pid
function() pid()
