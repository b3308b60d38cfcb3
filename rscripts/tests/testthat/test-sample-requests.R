local_edition(3)

sources_http <- c("url", "http", "rest", "alb", "lattice")

# seen() returns the request of a sample event as a handler's context has it, and its body.
seen <- function(source, ...) {
  event <- desk$read_event(charToRaw(desk$event_to_json(desk$sample_event(source, ...), "test")), desk$new_handler(function(event) 1, "f"))
  c(desk$http_context(event$request), list(body = desk$request_body(event$request), type = event$request$content_type))
}

test_that("a request without fields is a GET request without a body", {
  local_desk()
  for (source in sources_http) {
    request <- seen(source)
    expect_identical(request[c("method", "path", "query")], list(method = "GET", path = "/", query = structure(list(), names = character()))[c("method", "path", "query")], info = source, ignore_attr = TRUE)
    expect_true(is.null(request$body) || identical(request$body, ""), info = source)
    expect_identical(desk$invoke_handler(function() "ok", desk$sample_event(source))$body, "ok", info = source)
  }
})

test_that("fields arrive as they were given, from every source", {
  samples <- list(
    list("url"), list("http"), list("rest"), list("alb"), list("alb", sample = "alb-multi-value-headers"),
    list("lattice"), list("lattice", sample = "vpc-lattice-v2-event")
  )
  for (which in samples) {
    request <- do.call(seen, c(which, list(
      path = "/a/b", query = list(n = 50, q = "a b&c", on = TRUE), headers = list("X-Own" = "1"),
      body = list(x = 1L), cookies = c(s = "1")
    )))
    info <- paste(unlist(which), collapse = " ")
    expect_identical(request$method, "POST", info = info)
    expect_identical(request$path, "/a/b", info = info)
    expect_identical(request$query[c("n", "q", "on")], list(n = "50", q = "a b&c", on = "true"), info = info)
    expect_identical(request$headers[["x-own"]], "1", info = info)
    expect_identical(request$cookies$s, "1", info = info)
    expect_identical(request$type, "application/json", info = info)
    expect_identical(request$body, "{\"x\":1}", info = info)
  }
})

test_that("a parameter and a header may have several values", {
  for (source in c("url", "http", "rest")) {
    request <- seen(source, query = list(tag = c("a", "b")), headers = list(Accept = c("text/csv", "text/html")))
    expect_identical(request$query$tag, c("a", "b"), info = source)
    expect_match(request$headers$accept, "text/csv, ?text/html|text/csv,text/html", info = source)
  }
})

test_that("bodies are JSON, text or bytes", {
  local_desk()
  for (source in sources_http) {
    expect_identical(seen(source, body = "plain")[c("body", "type")], list(body = "plain", type = "text/plain"), info = source)
    expect_identical(seen(source, body = "[1]")$type, "application/json", info = source)
    expect_identical(seen(source, body = as.raw(c(0, 255)))[c("body", "type")], list(body = as.raw(c(0, 255)), type = "application/octet-stream"), info = source)
    form <- seen(source, body = "a=1", headers = list("Content-Type" = "application/x-www-form-urlencoded"))
    expect_identical(form$type, "application/x-www-form-urlencoded", info = source)
    expect_identical(desk$invoke_handler(function(a, b) a + b, desk$sample_event(source, body = list(a = 1L, b = 2L)))$body, "3", info = source)
  }
})

test_that("the route has parameters", {
  for (source in c("http", "rest")) {
    expect_identical(seen(source, path_parameters = list(id = "7"))$path_parameters, list(id = "7"), info = source)
  }
})

test_that("what cannot be a request is an error", {
  expect_error(desk$sample_event("url", path = "plot"), "path must begin with /")
  expect_error(desk$sample_event("url", path = "/plot?n=1"), "must not have a query, which is a field of its own")
  expect_error(desk$sample_event("url", query = list("a")), "the parameters of query must have names")
  expect_error(desk$sample_event("url", headers = list("A B" = "1")), "not header names")
  expect_error(desk$sample_event("url", headers = list(A = "1\n2")), "line break")
})

test_that("an authorizer and a WebSocket get requests, too", {
  event <- desk$sample_event("authorizer", path = "/x", headers = list(Authorization = "Bearer t"))
  expect_identical(event$headers$authorization, "Bearer t")
  event <- desk$sample_event("authorizer", headers = list(Authorization = "t"), sample = "apigw-v2-authorizer-v2-request")
  expect_identical(event$headers$authorization, "t")
  event <- desk$sample_event("websocket", body = list(action = "say"), route_key = "$connect", connection_id = "c")
  expect_identical(event$requestContext[c("routeKey", "eventType", "connectionId")], list(routeKey = "$connect", eventType = "CONNECT", connectionId = "c"))
  expect_identical(event$body, "{\"action\":\"say\"}")
})
