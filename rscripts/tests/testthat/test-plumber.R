local_edition(3)

# plumber_api() loads lines of plumber code as the handler `name`, in a new working
# directory, and returns a function that sends it a request of payload version 2.0.
plumber_api <- function(lines, name = "plumber.R", env = parent.frame()) {
  in_user_dir(env)
  dir.create(dirname(name), showWarnings = FALSE)
  writeLines(lines, name)
  client_of(runtime$load_handler(name))
}

client_of <- function(handler) {
  force(handler)
  function(method, path, query = "", headers = list(), body = NULL, ..., event = NULL) {
    if (is.null(event)) {
      event <- list(
        version = "2.0", rawPath = path, rawQueryString = query, headers = headers,
        requestContext = list(
          stage = "$default", domainName = "id.execute-api.eu-west-1.amazonaws.com",
          http = list(method = method, path = path, sourceIp = "192.0.2.7")
        ),
        isBase64Encoded = is.raw(body), ...
      )
      event$body <- if (is.raw(body)) runtime$base64_text(body) else body
    }
    json <- runtime$evaluate(new.env(), handler, charToRaw(runtime$encode_result(event)))
    c(jsonlite::parse_json(json), list(failure = attr(json, "failure")))
  }
}

json_body <- function(answer) jsonlite::parse_json(answer$body, simplifyVector = TRUE)

test_that("queries, paths and bodies become arguments, results JSON", {
  api <- plumber_api(c(
    "#* @get /echo",
    "function(msg = 'none') list(msg = msg)",
    "#* @get /users/<id:int>/<name>",
    "function(id, name) list(id = id + 1L, name = name)",
    "#* @post /sum",
    "#* @serializer unboxedJSON",
    "function(a, b) list(sum = as.numeric(a) + as.numeric(b))",
    "#* @post /raw",
    "function(req) list(raw = as.integer(req$bodyRaw))",
    "#* @post /text",
    "function(req) list(post = req$postBody, body = req$body)"
  ))
  answer <- api("GET", "/echo", "msg=a%20b%26c")
  expect_identical(answer$statusCode, 200L)
  expect_identical(answer$headers[["Content-Type"]], "application/json")
  expect_false(answer$isBase64Encoded)
  expect_identical(answer$body, '{"msg":["a b&c"]}')
  expect_identical(json_body(api("GET", "/echo", "msg=a&msg=b"))$msg, c("a", "b"))
  expect_identical(api("GET", "/echo")$body, '{"msg":["none"]}')
  # plumber passes these to hooks by name, so callers can name them, too.
  expect_identical(api("GET", "/echo", ".next=x&msg=y")$body, '{"msg":["y"]}')
  expect_identical(json_body(api("GET", "/users/41/a+b%20c")), list(id = 42L, name = "a+b%20c")) # plumber decodes none

  json <- list("content-type" = "application/json")
  expect_identical(api("POST", "/sum", headers = json, body = '{"a":1,"b":2}')$body, '{"sum":3}')
  # A body that is JSON and not text is that of a test event.
  expect_identical(api("POST", "/sum", headers = json, body = list(a = 1, b = 2))$body, '{"sum":3}')
  form <- list("content-type" = "application/x-www-form-urlencoded")
  expect_identical(api("POST", "/sum", headers = form, body = "a=1&b=3")$body, '{"sum":4}')

  octets <- list("content-type" = "application/octet-stream")
  expect_identical(json_body(api("POST", "/raw", headers = octets, body = as.raw(c(0, 255, 10))))$raw, c(0L, 255L, 10L))
  text <- json_body(api("POST", "/text", headers = list("content-type" = "text/plain"), body = "eins\nzw\u00f6lf"))
  expect_identical(text, list(post = "eins\nzw\u00f6lf", body = "eins\nzw\u00f6lf"))
  expect_identical(json_body(api("POST", "/raw"))$raw, list())
})

test_that("a file is uploaded as multipart/form-data", {
  api <- plumber_api(c(
    "#* @post /upload",
    "#* @parser multi",
    "#* @parser octet",
    "function(file) list(name = names(file), bytes = as.integer(file[[1]]))"
  ))
  body <- c(
    charToRaw("--frontier\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.bin\"\r\n"),
    charToRaw("Content-Type: application/octet-stream\r\n\r\n"), as.raw(c(0, 1, 254)), charToRaw("\r\n--frontier--\r\n")
  )
  answer <- api("POST", "/upload", headers = list("content-type" = "multipart/form-data; boundary=frontier"), body = body)
  expect_identical(json_body(answer), list(name = "x.bin", bytes = c(0L, 1L, 254L)))
})

test_that("serializers make pictures, pages and tables", {
  needs(plumber = "1.1")
  api <- plumber_api(c(
    "#* @get /png",
    "#* @serializer png",
    "function() plot(1:3)",
    "#* @get /html",
    "#* @serializer html",
    "function() '<p>gr\u00fcn</p>'",
    "#* @get /csv",
    "#* @serializer contentType list(type = 'text/csv')",
    "function() 'a,b\\n1,2\\n'",
    "#* @get /none",
    "function(res) { res$status <- 204; NULL }"
  ))
  answer <- api("GET", "/png")
  expect_identical(answer$headers[["Content-Type"]], "image/png")
  expect_true(answer$isBase64Encoded)
  expect_identical(jsonlite::base64_dec(answer$body)[1:4], as.raw(c(0x89, 0x50, 0x4e, 0x47)))
  answer <- api("GET", "/html")
  expect_identical(answer$headers[["Content-Type"]], "text/html; charset=UTF-8")
  expect_identical(answer$body, "<p>gr\u00fcn</p>")
  answer <- api("GET", "/csv")
  expect_identical(answer$headers[["Content-Type"]], "text/csv")
  expect_identical(answer$body, "a,b\n1,2\n")
  answer <- api("GET", "/none")
  expect_identical(answer$statusCode, 204L)
  expect_identical(answer$body, "")
})

test_that("an endpoint names a file to send, a caller does not", {
  api <- plumber_api(c(
    "#* @get /file",
    "function(res) { res$body <- c(file = 'plumber.R'); res$setHeader('Content-Type', 'text/plain'); res }",
    "#* @post /echo",
    "#* @serializer contentType list(type = 'application/json')",
    "function(req) req$body"
  ))
  expect_identical(api("GET", "/file")$body, paste0(readLines("plumber.R"), "\n", collapse = ""))
  body <- '{"file":"plumber.R","owned":true}'
  expect_identical(api("POST", "/echo", headers = list("content-type" = "application/json"), body = body)$body, body)
  expect_true(file.exists("plumber.R"))
})

test_that("headers and cookies go both ways", {
  api <- plumber_api(c(
    "#* @get /cookies",
    "function(req, res) {",
    "  res$setCookie('a', '1')",
    "  res$setCookie('b', '2', http = TRUE)",
    "  res$setHeader('X-Seen', paste(req$cookies$s, req$HTTP_X_TOKEN, req$REMOTE_ADDR, req$SERVER_NAME, req$rook.url_scheme))",
    "  res$setHeader('Vary', 'A'); res$setHeader('vary', 'B')",
    "  list()",
    "}",
    "#* @get /split",
    "function(res) { res$setHeader('X-Bad', 'a\\r\\nSet-Cookie: evil=1'); list() }"
  ))
  answer <- api(
    "GET", "/cookies",
    headers = list("x-token" = "t", host = "api.example.com"), cookies = I(c("s=7", "t=8"))
  )
  expect_identical(answer$cookies, list("a=1", "b=2; HttpOnly"))
  expect_identical(answer$headers[["X-Seen"]], "7 t 192.0.2.7 api.example.com https")
  expect_identical(answer$headers$Vary, "A, B")
  expect_error(api("GET", "/split"), "line break")
})

test_that("filters and programmatic routers work, from another folder, too", {
  api <- plumber_api(c(
    "hits <- 0",
    "#* @filter count",
    "function(req) { hits <<- hits + 1; plumber::forward() }",
    "#* @filter guard",
    "function(req, res) {",
    "  if (identical(req$HTTP_X_KEY, 'secret')) return(forward())",
    "  res$status <- 401",
    "  list(error = 'who are you?')",
    "}",
    "#* @get /hits",
    "function() hits",
    "#* @plumber",
    "function(pr) pr_get(pr, '/wd', function() basename(getwd()))",
    "#* @assets ./files /static",
    "list()"
  ), "src/api.R")
  expect_identical(api("GET", "/hits")$statusCode, 401L)
  key <- list("x-key" = "secret")
  expect_identical(api("GET", "/hits", headers = key)$body, "[2]")
  expect_identical(api("GET", "/wd", headers = key)$body, '["src"]')
  dir.create("src/files")
  writeLines("body { color: red }", "src/files/a.css")
  writeBin(as.raw(0:3), "src/files/b.bin")
  writeLines("secret", "src/secret.txt")
  answer <- api("GET", "/static/a.css", headers = key)
  expect_identical(answer$headers[["Content-Type"]], "text/css")
  expect_identical(answer$body, "body { color: red }\n")
  expect_null(answer$headers[["Content-Length"]])
  expect_identical(jsonlite::base64_dec(api("GET", "/static/b.bin", headers = key)$body), as.raw(0:3))
  expect_identical(api("GET", "/static/../secret.txt", headers = key)$statusCode, 404L)
})

test_that("a file whose value is a router is an API, and so are its mounts", {
  api <- plumber_api(c(
    "library(plumber)",
    "users <- pr_get(pr(), '/me', function() 'Ada')",
    "pr_mount(pr_get(pr(), '/', function() 'root'), '/users', users)"
  ), "entrypoint.R")
  expect_identical(api("GET", "/")$body, '["root"]')
  expect_identical(api("GET", "/users/me")$body, '["Ada"]')
  api <- plumber_api("plumber::pr_get(plumber::pr(), '/', function() 1)", "any.name.R")
  expect_identical(api("GET", "/")$body, "[1]")
})

test_that("plumber answers an error, and the log has its stack", {
  needs(plumber = "1.1")
  api <- plumber_api(c(
    "inner <- function(x) {",
    "  stop('the secret is ', x)",
    "}",
    "#* @get /fails/<x>",
    "function(x) inner(x)",
    "#* @get /teapot",
    "function(res) { res$status <- 418; stop('short and stout') }",
    "#* @get /needs",
    "function(x) x + 1",
    "#* @get /caught",
    "function() tryCatch(stop('no harm'), error = function(e) 'caught')"
  ))
  printed <- capture.output(answer <- api("GET", "/fails/42"))
  expect_identical(answer$statusCode, 500L)
  expect_identical(answer$body, '{"error":"500 - Internal server error"}')
  expect_match(printed, "the secret is 42", all = FALSE)
  expect_identical(answer$failure$type, "simpleError")
  expect_identical(answer$failure$message, "the secret is 42")
  stack <- stack_text(answer$failure$stack)
  expect_identical(stack, c("(function(x) ...)(x = \"42\")", "inner(x) (plumber.R:5)", "stop(\"the secret is \", x) (plumber.R:2)"))
  capture.output(answer <- api("GET", "/needs"))
  expect_identical(answer$failure$message, "argument \"x\" is missing, with no default")
  expect_identical(stack_text(answer$failure$stack)[[1L]], "(function(x) ...)()")

  capture.output(answer <- api("GET", "/teapot"))
  expect_identical(answer$statusCode, 418L)
  expect_null(answer$failure)
  answer <- api("GET", "/caught")
  expect_identical(answer$body, '["caught"]')
  expect_null(answer$failure)
  answer <- api("GET", "/nowhere")
  expect_identical(answer$statusCode, 404L)
  expect_identical(json_body(answer)$error, "404 - Resource Not Found")
  expect_identical(api("POST", "/caught")$statusCode, 405L)
})

test_that("the user's own error and 404 handlers are kept, and so are hooks", {
  api <- plumber_api(c(
    "#* @get /fails",
    "function() stop('mine')",
    "#* @plumber",
    "function(pr) {",
    "  pr_set_error(pr, function(req, res, err) { res$status <- 503; list(told = conditionMessage(err)) })",
    "  pr_set_404(pr, function(req, res) { res$status <- 404; 'nothing here' })",
    "  pr_hook(pr, 'preroute', function(req) if (req$PATH_INFO == '/hook') stop('in a hook'))",
    "}"
  ))
  answer <- api("GET", "/fails")
  expect_identical(answer$statusCode, 503L)
  expect_identical(json_body(answer)$told, "mine")
  expect_identical(answer$failure$message, "mine")
  expect_identical(json_body(api("GET", "/nowhere")), "nothing here")
  answer <- api("GET", "/hook")
  expect_identical(answer$headers[["Content-Type"]], "application/json")
  expect_identical(json_body(answer)$told, "in a hook")
})

test_that("a failed serializer is reported", {
  api <- plumber_api(c(
    "#* @get /bad",
    "#* @serializer contentType list(type = 'text/plain', serialize_fn = function(value) stop('no text of ', class(value)))",
    "function() list(1)",
    "#* @get /good",
    "function() 1"
  ))
  printed <- capture.output(expect_failure_type(
    api("GET", "/bad"), "Runtime.MarshalError", "plumber did not return a response: its serializer failed: no text of list"
  ))
  expect_identical(api("GET", "/good")$body, "[1]")
})

test_that("an error in a hook is reported", {
  api <- plumber_api(c(
    "#* @get /",
    "function() 1",
    "#* @plumber",
    "function(pr) pr_hook(pr, 'preroute', function(req) stop('in a hook'))"
  ))
  capture.output(answer <- api("GET", "/"))
  expect_identical(answer$statusCode, 500L)
  expect_identical(answer$failure$message, "in a hook")
})

test_that("promises are waited for", {
  api <- plumber_api(c(
    "#* @get /later",
    "function() promises::promise(function(resolve, reject) later::later(function() resolve('done'), 0.01))",
    "#* @get /never",
    "function() promises::promise(function(resolve, reject) later::later(function() reject('broken'), 0.01))"
  ))
  expect_identical(api("GET", "/later")$body, '["done"]')
  printed <- capture.output(answer <- api("GET", "/never"))
  expect_identical(answer$statusCode, 500L)
  expect_match(printed, "broken", all = FALSE)
})

test_that("the stage of an HTTP API is not part of the path", {
  api <- plumber_api(c("#* @get /", "function() 'root'", "#* @get /a/b", "function() 'ab'"))
  staged <- function(path, stage) {
    api(event = list(
      version = "2.0", rawPath = path, rawQueryString = "",
      requestContext = list(stage = stage, http = list(method = "GET", path = path))
    ))
  }
  expect_identical(staged("/prod/a/b", "prod")$body, '["ab"]')
  expect_identical(staged("/prod/", "prod")$body, '["root"]')
  expect_identical(staged("/prod", "prod")$body, '["root"]')
  expect_identical(staged("/a/b", "a/b?")$body, '["ab"]')
  expect_identical(staged("/a/b", "$default")$body, '["ab"]')
  expect_identical(staged("/production", "prod")$statusCode, 404L)
})

test_that("REST APIs and load balancers are served as well", {
  api <- plumber_api(c(
    "#* @get /q",
    "function(req, res, x) { res$setCookie('a', '1'); res$setCookie('b', '2'); list(x = x, query = req$QUERY_STRING) }"
  ))
  rest <- api(event = list(
    httpMethod = "GET", path = "/q", requestContext = list(stage = "prod", identity = list(sourceIp = "192.0.2.1")),
    multiValueQueryStringParameters = list(x = I(c("a b", "1+1=2&"))), queryStringParameters = list(x = "1+1=2&")
  ))
  expect_identical(json_body(rest), list(x = c("a b", "1+1=2&"), query = "?x=a%20b&x=1%2B1%3D2%26"))
  expect_identical(rest$multiValueHeaders[["Set-Cookie"]], list("a=1", "b=2"))
  alb <- api(event = list(
    httpMethod = "GET", path = "/q", requestContext = list(elb = list(targetGroupArn = "arn")),
    multiValueHeaders = list(host = I("lb")), multiValueQueryStringParameters = list(x = I("a%20b+c"))
  ))
  expect_identical(json_body(alb)$x, "a b c")
  expect_identical(alb$multiValueHeaders[["Content-Type"]], list("application/json"))
  expect_identical(alb$multiValueHeaders[["Set-Cookie"]], list("a=1", "b=2"))
})

test_that("an endpoint has the event and the context", {
  api <- plumber_api(c(
    "#* @get /",
    "function(req) c(req$lambda_event$version, req$lambda_context$http$path, class(req$lambda_context$remaining_ms))"
  ))
  expect_identical(json_body(api("GET", "/")), c("2.0", "/", "function"))
})

test_that("an event that is not an HTTP request is refused", {
  api <- plumber_api(c("#* @get /", "function() 1"))
  for (event in list(list(number = 5), list(), list(requestContext = list(connectionId = "x"), body = "hi"))) {
    expect_failure_type(api(event = event), "Runtime.InvalidArguments", "plumber API", "bootstrap local --http")
  }
})

test_that("an error in an API file names the file and line", {
  load <- function(...) {
    in_user_dir()
    writeLines(c(...), "plumber.R")
    runtime$load_handler("plumber.R")
  }
  expect_failure_type(load("#* @get /", "function( 1"), "Runtime.UserCodeSyntaxError", "plumber.R:2")
  expect_failure_type(load("x <- 1", "", "library(notthere)", "#* @get /", "f"), "Runtime.ImportModuleError", "plumber.R:3", "notthere")
  expect_failure_type(load("library(notthere)", "#* @get /", "f"), "Runtime.ImportModuleError", "plumber.R:1: ", "notthere")
  expect_failure_type(load("#* @get /", "function() 1", "stop('no model')"), "Runtime.InitError", "plumber.R:3", "no model")
  expect_failure_type(load("x <- 1", "#* @get", "function() 1"), "Runtime.InitError", "plumber.R:2: No path")
  expect_failure_type(load("#* @plumber", "function(pr) stop('too late')"), "Runtime.InitError", "plumber.R: ", "too late")
  expect_failure_type(load("#* @get /", "'no function'"), "Runtime.InitError", "plumber.R: ")
  expect_failure_type(load("parity <- function(x) x"), "Runtime.NoSuchHandler", "plumber.R", "#* @get", "plumber.parity")
  expect_failure_type(load("library(notthere)"), "Runtime.ImportModuleError", "plumber.R:1", "notthere")
})

test_that("without the package the error says what to install", {
  scripts <- normalizePath("../..")
  in_user_dir()
  writeLines(c("#* @get /", "function() 1"), "plumber.R")
  code <- c(
    "runtime <- new.env(parent = baseenv())",
    paste0("for (file in list.files(", deparse(scripts), ", '[.]R$', full.names = TRUE, recursive = TRUE)) if (!grepl('/tests/', file)) sys.source(file, runtime)"),
    "assign('.lib.loc', character(), envir = environment(.libPaths))",
    "tryCatch(runtime$load_handler('plumber.R'), error = function(e) cat(e$type, conditionMessage(e)))"
  )
  writeLines(code, "without.R")
  printed <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", "without.R"), stdout = TRUE)
  expect_match(printed, "^Runtime.ImportModuleError .*\"plumber.R\".*r-cran-plumber", all = FALSE)
})

test_that("exit hooks of the router run at shutdown", {
  old <- runtime$settings$shutdown_hooks
  withr::defer(runtime$settings$shutdown_hooks <- old)
  runtime$settings$shutdown_hooks <- list()
  plumber_api(c("#* @get /a", "function() 1"))
  expect_false(runtime$has_shutdown_hooks())
  plumber_api(c("#* @plumber", "function(pr) pr_hook(pr, 'exit', function() message('closed'))"))
  expect_true(runtime$has_shutdown_hooks())
  log <- character()
  runtime$run_shutdown_hooks(function(level, message, ...) log <<- c(log, message))
  expect_identical(log, "closed")
})
