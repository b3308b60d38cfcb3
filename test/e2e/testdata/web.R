# An HTTP handler that reads the event in AWS's format.
web <- function(event) {
  path <- if (is.null(event$rawPath)) event$path else event$rawPath
  switch(path,
    "/echo" = list(statusCode = 200, headers = list("Content-Type" = "text/plain"), body = paste(
      event$queryStringParameters$n, event$body, event$isBase64Encoded, paste(event$cookies, collapse = "+")
    )),
    "/all-bytes" = list(
      statusCode = 200, headers = list("Content-Type" = "image/png"),
      body = jsonlite::base64_enc(as.raw(0:255)), isBase64Encoded = TRUE
    ),
    "/cookies" = list(statusCode = 303, headers = list(Location = "/echo"), cookies = list("a=1; HttpOnly", "b=2")),
    "/plain" = list(parity = "odd"),
    "/malformed" = list(statusCode = 200, body = list(a = 1)),
    "/boom" = stop("secret"),
    list(statusCode = 404, body = "no such page")
  )
}
