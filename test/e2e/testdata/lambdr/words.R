# Reads and writes text of its own kind.

count <- function(words, letters = 0) list(words = length(words), letters = sum(nchar(words)))

lambdr::start_lambda(
  config = lambdr::lambda_config(
    deserialiser = function(text) list(words = strsplit(text, " ", fixed = TRUE)[[1L]]),
    serialiser = function(value) sprintf("%d words of %d letters", value$words, value$letters)
  )
)
