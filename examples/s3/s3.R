# Reads and writes objects in S3. If you need more of AWS, use the paws package.

library(curl)
library(openssl)

# s3() sends a signed request and returns the body of the answer. AWS_ENDPOINT_URL_S3 names another
# server than AWS's. Lambda renews the credentials, so they are read each time.
s3 <- function(method, bucket, key, body = raw()) {
  region <- Sys.getenv("AWS_REGION")
  server <- Sys.getenv("AWS_ENDPOINT_URL_S3", paste0("https://s3.", region, ".amazonaws.com"))
  parts <- c(bucket, strsplit(key, "/", fixed = TRUE)[[1L]])
  path <- paste0("/", vapply(parts, URLencode, "", reserved = TRUE), collapse = "")
  request <- new_handle(customrequest = method)
  if (length(body)) {
    handle_setopt(request, postfieldsize = length(body), copypostfields = body)
  }
  headers <- signed_headers(method, sub("^https?://", "", server), path, body, region)
  handle_setheaders(request, .list = c(headers, "Content-Type" = "application/octet-stream"))
  answer <- curl_fetch_memory(paste0(server, path), request)
  if (answer$status_code >= 300L) {
    stop(method, " s3://", bucket, "/", key, " was answered with ", answer$status_code, ": ", substr(rawToChar(answer$content), 1L, 300L))
  }
  answer$content
}

# signed_headers() returns the headers of AWS's signature version 4.
signed_headers <- function(method, host, path, body, region) {
  hex <- function(x) paste(as.character(unclass(x)), collapse = "")
  time <- format(Sys.time(), "%Y%m%dT%H%M%SZ", tz = "UTC")
  headers <- c(
    host = host, "x-amz-content-sha256" = hex(sha256(body)), "x-amz-date" = time,
    "x-amz-security-token" = Sys.getenv("AWS_SESSION_TOKEN")
  )
  headers <- headers[nzchar(headers)]
  names <- paste(names(headers), collapse = ";")
  canonical <- c(method, path, "", paste0(names(headers), ":", headers), "", names, headers[["x-amz-content-sha256"]])
  scope <- c(substr(time, 1L, 8L), region, "s3", "aws4_request")
  hash <- hex(sha256(charToRaw(paste(canonical, collapse = "\n"))))
  text <- paste("AWS4-HMAC-SHA256", time, paste(scope, collapse = "/"), hash, sep = "\n")
  key <- charToRaw(paste0("AWS4", Sys.getenv("AWS_SECRET_ACCESS_KEY")))
  for (part in scope) {
    key <- as.raw(sha256(charToRaw(part), key = key))
  }
  credential <- paste(c(Sys.getenv("AWS_ACCESS_KEY_ID"), scope), collapse = "/")
  signature <- hex(sha256(charToRaw(text), key = key))
  c(headers, Authorization = paste0("AWS4-HMAC-SHA256 Credential=", credential, ", SignedHeaders=", names, ", Signature=", signature))
}
