local_edition(3)

# http_event() returns the event of a function URL.
http_event <- function(body = NULL, type = NULL, query = "", ..., headers = list(), base64 = FALSE) {
  event <- list(
    version = "2.0", rawPath = "/p", rawQueryString = query,
    headers = c(headers, if (!is.null(type)) list("content-type" = type)),
    requestContext = list(domainName = "x.lambda-url.eu-west-1.on.aws", http = list(method = "POST", sourceIp = "192.0.2.1")),
    isBase64Encoded = base64, ...
  )
  event$body <- body
  event
}

# given() returns the arguments that an event gives the function `f`.
given <- function(event, f = function(...) NULL) {
  logged$records <- list()
  runtime$current$log <- function(level, message, call, fields) {
    logged$records[[length(logged$records) + 1L]] <- list(level = level, message = message, fields = fields)
  }
  text <- jsonlite::toJSON(event, auto_unbox = TRUE, null = "null")
  bind_arguments(text, f)
}

refused <- function(event, f = function(...) NULL) {
  e <- failure(given(event, f))
  runtime$public_answer(e)
}

test_that("a JSON body gives arguments", {
  body <- "{\"a\":1,\"b\":[1,2],\"c\":{\"d\":null}}"
  want <- list(a = 1L, b = 1:2, c = list(d = NULL))
  expect_identical(given(http_event(body, "application/json")), want)
  expect_identical(given(http_event(body, "Application/JSON; charset=utf-8")), want)
  expect_identical(given(http_event(body, "application/vnd.api+json")), want)
  expect_identical(given(http_event(body)), want)
  # curl -d says so
  expect_identical(given(http_event(body, "application/x-www-form-urlencoded")), want)
  # empty text is not a body
  expect_identical(given(http_event("", "application/json")), list())
  expect_identical(given(http_event("{}", "application/json")), list())
})

test_that("a JSON body that is not an object goes to the first argument left", {
  f <- function(x, y = 2, ...) NULL
  expect_identical(given(http_event("[1,2]", "application/json"), f), list(x = 1:2))
  expect_identical(given(http_event("[1,2]", "application/json", "x=3"), f), list(y = 1:2, x = "3"))
  expect_identical(given(http_event("null", "application/json"), function(x = 1) NULL), list())
})

test_that("a body that is not the JSON it claims to be is the caller's fault", {
  answer <- refused(http_event("{\"a\":", "application/json"))
  expect_identical(answer$code, 400L)
  expect_match(answer$message, "^the body is not valid JSON: ")
  # without such a claim it is text
  expect_identical(given(http_event("{not json}")), list(body = "{not json}"))
  # and a path is not opened
  expect_identical(given(http_event("/etc/passwd")), list(body = "/etc/passwd"))
  expect_match(refused(http_event("/etc/passwd", "application/json"))$message, "not valid JSON")
})

test_that("a body that bootstrap has decoded is not decoded again", {
  keep_settings()
  request <- list(decoded = list(text = "{\"a\":1}", value = list(a = 2L)))
  expect_identical(runtime$decode_body("{\"a\":1}", request), list(value = list(a = 2L), is_object = TRUE))
  expect_identical(runtime$decode_body("{\"a\":3}", request)$value, list(a = 3L))
  text <- jsonlite::toJSON(http_event("{\"a\":[1]}", "application/json"), auto_unbox = TRUE)
  decoded <- serialize(list(simplified = TRUE, value = runtime$decode_text(text)$value, body = list(a = 7L)), NULL)
  handler <- runtime$new_handler(function(a) NULL, "handler")
  event <- runtime$read_event(charToRaw(text), handler, decoded)
  expect_identical(runtime$bind_arguments(event, handler), list(a = 7L))
  runtime$lambda_config(deserialiser = function(text) "own")
  expect_identical(runtime$decode_body("{\"a\":1}", request)$value, "own")
})

test_that("form bodies give arguments", {
  expect_identical(
    given(http_event("a=1&b=x+y&a=2", "application/x-www-form-urlencoded")),
    list(a = c("1", "2"), b = "x y")
  )
})

test_that("other bodies are the argument `body`", {
  expect_identical(given(http_event("Hello", "text/plain")), list(body = "Hello"))
  expect_identical(given(http_event("Hello")), list(body = "Hello"))
  expect_identical(given(http_event("<a/>", "application/xml")), list(body = "<a/>"))
})

test_that("bodies in base64 are decoded", {
  encoded <- function(bytes) jsonlite::base64_enc(bytes)
  json <- http_event(encoded(charToRaw("{\"a\":\"\u00e9\"}")), "application/json", base64 = TRUE)
  expect_identical(given(json), list(a = "\u00e9"))
  png <- as.raw(c(0x89, 0x50, 0x4e, 0x47, 0, 255))
  expect_identical(given(http_event(encoded(png), "image/png", base64 = TRUE)), list(body = png))
  expect_identical(given(http_event(encoded(charToRaw("caf\u00e9")), "text/plain", base64 = TRUE)), list(body = "caf\u00e9"))
})

test_that("decode_base64 = FALSE leaves them", {
  keep_settings()
  runtime$lambda_config(decode_base64 = FALSE)
  expect_identical(given(http_event("AAEC", "image/png", base64 = TRUE)), list(body = "AAEC"))
})

test_that("query parameters are decoded, and repeated ones are vectors", {
  event <- http_event(query = "n=5&x=a%20b&x=c,d&flag")
  expect_identical(given(event), list(n = "5", x = c("a b", "c,d"), flag = ""))
})

test_that("the route's parameters win over the body, and the body over the query", {
  event <- http_event("{\"id\":\"body\",\"n\":1}", "application/json", "id=query&n=2&q=3", pathParameters = list(id = "path"))
  expect_identical(given(event), list(id = "path", n = 1L, q = "3"))
})

test_that("parameters of the route and the query that the handler does not take are left out", {
  event <- http_event(query = "n=1", pathParameters = list(proxy = "a/b"))
  expect_identical(given(event, function(n) NULL), list(n = "1"))
  expect_length(logged$records, 0L)
  expect_identical(given(http_event(query = "utm_source=x&n=1&context=1"), function(n = 1, context) NULL), list(n = "1"))
  expect_identical(logged$records, list(
    list(level = "debug", message = "query parameters ignored", fields = list(parameters = "\"utm_source\", \"context\""))
  ))
  # R would pass `num` to `number`.
  expect_identical(given(http_event(query = "num=1&x=2"), function(number = 0, ...) NULL), list(x = "2"))
  expect_identical(given(http_event("[1,2]", "application/json", "utm_source=x"), function(x) NULL), list(x = 1:2))
  answer <- refused(http_event("utm=1", "application/x-www-form-urlencoded"), function(n = 1) NULL)
  expect_identical(answer, list(code = 400L, message = "unknown argument \"utm\"", type = "BadRequest"))
  answer <- refused(http_event(), function(n) NULL)
  expect_identical(answer$message, "missing argument \"n\"")
})

test_that("a handler that takes the event gets all of it", {
  event <- http_event("{\"a\":1}", "application/json", "n=1")
  args <- given(event, function(event, context) NULL)
  expect_named(args, "event")
  expect_identical(args$event$body, "{\"a\":1}")
  expect_identical(args$event$rawQueryString, "n=1")
})

test_that("a REST API's parameters come decoded, its route's do not", {
  event <- list(
    resource = "/{id}", path = "/a%20b", httpMethod = "GET", body = NULL,
    multiValueQueryStringParameters = list(x = I(c("1+1", "b c")), y = I("%41")),
    queryStringParameters = list(x = "b c", y = "%41"), pathParameters = list(id = "a%20b"),
    requestContext = list(resourceId = "r")
  )
  expect_identical(given(event), list(id = "a b", x = c("1+1", "b c"), y = "%41"))
})

test_that("a load balancer's parameters come as they are in the URL", {
  event <- list(
    requestContext = list(elb = list(targetGroupArn = "arn")), httpMethod = "GET", path = "/",
    queryStringParameters = list(q = "a%20b+c", "%6b" = "1"), headers = list(accept = "*/*"), body = "", isBase64Encoded = FALSE
  )
  expect_identical(given(event), list(q = "a b c", k = "1"))
  event$queryStringParameters <- NULL
  event$multiValueQueryStringParameters <- list(q = I(c("a%2C", "b")))
  expect_identical(given(event), list(q = c("a,", "b")))
})

test_that("the context has the request", {
  event <- http_event(query = "n=1", headers = list("X-One" = "1", cookie = "a=1; b=x=y; a=2"))
  text <- jsonlite::toJSON(event, auto_unbox = TRUE, null = "null")
  read <- read_event(text)
  http <- runtime$new_context(list(id = "1"), read$request)$http
  expect_identical(http$method, "POST")
  expect_identical(http$path, "/p")
  expect_identical(http$headers[["x-one"]], "1")
  expect_identical(http$cookies, list(a = c("1", "2"), b = "x=y"))
  expect_identical(http$query, list(n = "1"))
  expect_identical(http$source_ip, "192.0.2.1")
  expect_null(runtime$new_context(list(id = "1"))$http)
  event$cookies <- I("c=3")
  read <- read_event(jsonlite::toJSON(event, auto_unbox = TRUE))
  expect_identical(read$request$cookies, list(c = "3"))
})

test_that("the path is without the stage of an HTTP API", {
  path <- function(path, stage) runtime$path_without_stage(list(rawPath = path, requestContext = list(stage = stage)))
  expect_identical(path("/prod/cars", "prod"), "/cars")
  expect_identical(path("/prod", "prod"), "/")
  expect_identical(path("/production", "prod"), "/production")
  expect_identical(path("/cars", "$default"), "/cars")
  expect_identical(runtime$path_without_stage(list(path = "/a", requestContext = list(stage = "a"))), "/a") # a REST API has none
  expect_null(runtime$path_without_stage(list()))
})

test_that("a hostile request is refused or read, and breaks nothing", {
  withr::local_envvar(LAMBDA_R_EVENT = "url")
  for (event in list(
    list(requestContext = "x"), list(requestContext = list(http = "x")), list(headers = "x", queryStringParameters = 5),
    list(headers = list(1, 2)), list(pathParameters = I(1:3)), list(cookies = list(a = list(1))), list(multiValueHeaders = list(a = list())),
    list(queryStringParameters = list(a = list(b = list(1, "2"))))
  )) {
    expect_type(given(event), "list")
  }
  for (text in c("*", "AAEC*", "A", "====")) {
    expect_match(refused(list(body = text, isBase64Encoded = TRUE))$message, "^the body is not base64$")
  }
  expect_identical(given(list(rawQueryString = "..1=2&=2")), list())
  expect_match(refused(list(body = "{\"a\":1,\"a\":2}"))$message, "more than once")
})

test_that("LAMBDA_R_EVENT=direct leaves HTTP alone", {
  withr::local_envvar(LAMBDA_R_EVENT = "direct")
  expect_true("requestContext" %in% names(given(http_event("x"))))
})

test_that("an EventBridge event gives its detail", {
  event <- list("detail-type" = "t", source = "s", detail = list(a = 1L), id = "1")
  expect_identical(given(event), list(a = 1L))
  event$detail <- structure(list(), names = character())
  expect_length(given(event, function() NULL), 0L)
  expect_named(given(event, function(event) NULL)$event, c("detail-type", "source", "detail", "id"))
})

test_that("records go to the first argument", {
  event <- list(Records = list(list(eventSource = "aws:sqs", body = "x")))
  expect_named(given(event, function(batch) NULL), "batch")
})

test_that("a request with \\u0000 in it is answered with 400", {
  withr::defer(runtime$current$invocation <- NULL)
  event <- http_event(query = "b=%00", queryStringParameters = list(b = "@"))
  text <- sub("@", "\\u0000", jsonlite::toJSON(event, auto_unbox = TRUE), fixed = TRUE)
  failed <- failure(read_event(text))
  expect_identical(runtime$public_answer(failed), list(
    code = 400L, message = "the request has the character \\u0000, which an R string cannot hold", type = "BadRequest"
  ))
  expect_identical(runtime$current$invocation$event$source, "url") # by which the worker answers
  expect_identical(runtime$current$invocation$event$request$method, "POST")
  expect_failure_type(
    read_event("{\"a\":\"\\u0000\"}"),
    "Runtime.UnmarshalError", "the event has the character \\u0000"
  )
})

test_that("a request gives only so many arguments to `...`", {
  query <- function(n) http_event(query = paste0("k", seq_len(n), "=", collapse = "&"))
  expect_length(given(query(1000L)), 1000L)
  expect_match(refused(query(1002L), function(x = 1, ...) NULL)$message, "more than 1000 arguments")
  # A direct caller has permission to invoke the function, and is not a stranger.
  keys <- paste0("\"k", 1:2000, "\":1", collapse = ",")
  expect_length(given(jsonlite::parse_json(paste0("{", keys, "}"))), 2000L)
  keep_settings()
  runtime$settings$lambdr_arguments <- TRUE
  body <- paste0("{", keys, "}")
  expect_match(refused(http_event(body, "application/json"))$message, "more than 1000 arguments")
})

test_that("a body that is not an object never goes to an argument behind `...`", {
  f <- function(..., verbose = FALSE) NULL
  expect_identical(given(http_event("[1,2]", "application/json"), f), list(1:2))
  expect_identical(given(http_event("[1,2]", "application/json", "x=3"), f), list(body = 1:2, x = "3"))
})

test_that("a JSON body may begin with a byte order mark", {
  for (type in list(NULL, "application/json", "application/x-www-form-urlencoded")) {
    expect_identical(given(http_event("\ufeff{\"a\":1}", type)), list(a = 1L))
  }
})

test_that("empty names break nothing", {
  expect_identical(given(http_event(query = "=1")), list())
  expect_identical(refused(http_event("{\"\":1}", "application/json", "a=1"))$message, "unknown argument \"\"")
  expect_identical(runtime$request_cookies(list(cookies = list("=x", "a=1")), list()), list(a = "1"))
})

test_that("a JSON body that is not text is refused", {
  body <- function(bytes) http_event(jsonlite::base64_enc(as.raw(bytes)), "application/json", base64 = TRUE)
  expect_identical(refused(body(c(0x22, 0xff, 0x22)))$message, "the body is not valid UTF-8")
  expect_identical(refused(body(c(0x22, 0, 0x22)))$message, "the body contains a NUL byte")
})

test_that("a body that would take gigabytes is refused", {
  body <- paste0("[", paste0("{\"k", 1:5000, "\":1}", collapse = ","), "]")
  answer <- refused(http_event(body, "application/json"))
  expect_identical(answer$message, "the body has arrays that are too irregular, or too many, to make vectors and data frames of")
})

test_that("the context has the raw query, or one of the same meaning", {
  raw <- function(event) {
    request <- read_event(if (is.list(event)) jsonlite::toJSON(event, auto_unbox = TRUE) else event)$request
    runtime$http_context(request)$raw_query
  }
  expect_identical(raw(http_event(query = "a=%20+&b")), "a=%20+&b")
  expect_identical(raw(http_event()), "")
  rest <- list(httpMethod = "GET", path = "/", requestContext = list(stage = "s"), multiValueQueryStringParameters = list(a = I(c("x y", "&")), "\u00e9" = I("1")))
  expect_identical(raw(rest), "a=x%20y&a=%26&%C3%A9=1")
  alb <- list(httpMethod = "GET", path = "/", requestContext = list(elb = list(a = 1)), queryStringParameters = list(a = "x%20y"))
  expect_identical(raw(alb), "a=x%20y")
  alb$queryStringParameters <- list(a = "x+y", b = "%zz")
  expect_identical(raw(alb), "a=x%20y&b=%25zz")
  expect_identical(raw(event_json("apigw-websocket-message")), "")
  http <- runtime$new_context(list(id = "1"), read_event(event_json("vpc-lattice-event"))$request)$http
  expect_identical(http$raw_query, "tag=a%20b&tag=c")
})

# encoded() is an event with a body of these bytes, in base64.
encoded <- function(bytes, type, ...) {
  http_event(runtime$base64_text(if (is.raw(bytes)) bytes else charToRaw(bytes)), type, base64 = TRUE, headers = list(...))
}

test_that("compressed bodies are decompressed", {
  json <- charToRaw("{\"a\":[1,2],\"b\":\"\u00e9\"}")
  want <- list(a = 1:2, b = "\u00e9")
  expect_identical(given(encoded(gzip(json), "application/json", "content-encoding" = "gzip")), want)
  expect_identical(given(encoded(gzip(json), "application/json", "Content-Encoding" = " GZIP ")), want)
  expect_identical(given(encoded(memCompress(json, "gzip"), "application/json", "content-encoding" = "deflate")), want)
  expect_identical(given(encoded(gzip("a=1"), "application/x-www-form-urlencoded", "content-encoding" = "gzip")), list(a = "1"))
  bytes <- as.raw(c(0, 255))
  expect_identical(given(encoded(gzip(bytes), "image/x", "content-encoding" = "gzip")), list(body = bytes))
  # Another coding is left to the handler.
  expect_identical(given(encoded(bytes, "image/x", "content-encoding" = "br")), list(body = bytes))
})

test_that("a compressed body that is damaged or too large is the caller's fault", {
  zipped <- gzip(strrep("x", 1000L))
  gz <- function(bytes, coding = "gzip") refused(encoded(bytes, "text/plain", "content-encoding" = coding))
  expect_identical(gz(utils::head(zipped, -1L))$code, 400L)
  expect_match(gz(charToRaw("plain"))$message, "^the body is not gzip or zlib")
  bomb <- memCompress(raw(2^20), "gzip")
  before <- runtime$max_body
  withr::defer(runtime$max_body <- before)
  runtime$max_body <- 2^19
  expect_identical(gz(bomb, "deflate")$message, "the body decompresses to more than 0.5 MB")
  expect_match(gz(gzip(raw(2^20)))$message, "decompresses to more than 0.5 MB")
})

test_that("a body is text by its charset", {
  latin <- as.raw(c(0x63, 0xe9))
  expect_identical(given(encoded(latin, "text/plain; charset=iso-8859-1")), list(body = "c\u00e9"))
  expect_identical(given(encoded(latin, "text/plain; Charset=\"Latin1\"")), list(body = "c\u00e9"))
  json <- c(charToRaw("{\"a\":\""), latin, charToRaw("\"}"))
  expect_identical(given(encoded(json, "application/json;charset=windows-1252")), list(a = "c\u00e9"))
  expect_identical(given(encoded("a=%E9", "application/x-www-form-urlencoded; charset=latin1")), list(a = "\u00e9"))
  expect_identical(given(encoded("\u00e9", "text/plain; charset=utf-8")), list(body = "\u00e9"))
  # Text that is not in its charset, and a charset that is not known, stay bytes.
  expect_identical(given(encoded(latin, "text/plain; charset=utf-8")), list(body = latin))
  expect_identical(given(encoded(latin, "text/plain; charset=../../x")), list(body = latin))
  expect_null(runtime$request_charset(NULL))
  expect_null(runtime$request_charset("text/plain"))
})

test_that("a form with files gives arguments", {
  form <- "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nx\r\n--b--"
  type <- "Multipart/Form-Data; boundary=b"
  expect_identical(given(http_event(form, type)), list(f = "x"))
  expect_identical(given(encoded(form, type)), list(f = "x"))
  expect_identical(given(encoded(gzip(form), type, "content-encoding" = "gzip")), list(f = "x"))
  expect_identical(refused(http_event(form, type), function(g = 1) NULL)$message, "unknown argument \"f\"")
})
