size <- function(image) {
  list(bytes = length(jsonlite::base64_dec(image)), text = lambdr::from_base64("eWVz"))
}

lambdr::start_lambda(config = lambdr::lambda_config(decode_base64 = FALSE))
