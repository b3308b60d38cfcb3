job <- function() "done"

lambdr::start_lambda(config = lambdr::lambda_config(deserialiser = function(event) list()))
