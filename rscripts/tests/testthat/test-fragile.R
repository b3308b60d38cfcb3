local_edition(3)

# found() returns "kind: what" for what is fragile among the objects that `code` defines in the global
# environment.
found <- function(code = {}, handler = function() 1, env = parent.frame()) {
  in_user_dir(env)
  eval(substitute(code), globalenv())
  findings <- runtime$find_fragile(runtime$new_handler(handler, "handler"))
  expect_true(all(vapply(findings, function(found) identical(names(found), c("kind", "what", "fix")), logical(1))))
  vapply(findings, function(found) paste0(found$kind, ": ", found$what), "")
}

test_that("connections to databases are found, those in memory and closed ones are not", {
  got <- found({
    con <- DBI::dbConnect(RSQLite::SQLite(), "db.sqlite")
    closed <- DBI::dbConnect(RSQLite::SQLite(), "db.sqlite")
    DBI::dbDisconnect(closed)
    memory <- DBI::dbConnect(RSQLite::SQLite(), ":memory:")
  })
  withr::defer(suppressWarnings({ DBI::dbDisconnect(con); DBI::dbDisconnect(memory) }), envir = globalenv())
  expect_identical(got, "dbi: con, a connection of class SQLiteConnection")
  DBI::dbDisconnect(get("con", globalenv()))
  DBI::dbDisconnect(get("memory", globalenv()))
  withr::deferred_clear(globalenv())
})

test_that("objects in lists, environments, R6 objects and the handler's own environment are found", {
  make <- function() {
    state <- new.env()
    state$at <- Sys.time()
    local_time <- Sys.time()
    function() state
  }
  got <- found(
    {
      db <- list(read = Sys.time(), nested = list(Sys.time()))
      service <- new.env()
      service$started <- Sys.time()
      service$.__enclos_env__ <- list2env(list(private = list2env(list(at = Sys.time()))))
      class(service) <- c("Service", "R6")
      counter <- methods::setRefClass("Counter", fields = list(since = "POSIXct"))$new(since = Sys.time())
    },
    make()
  )
  expect_setequal(sub("time: (.*), a time read during the init", "\\1", got), c(
    "db$read", "db$nested[[1]]", "service$started", "service$private$at", "counter$since", "state$at", "local_time"
  ))
})

test_that("the objects of a plumber file, and those that a batch handler uses, are found", {
  in_user_dir()
  make <- function() {
    at <- Sys.time()
    runtime$batch_handler(function(record) at)
  }
  got <- runtime$find_fragile(runtime$new_handler(make(), "handler"))
  expect_identical(vapply(got, `[[`, "", "what"), "at, a time read during the init")
  writeLines(c("set.seed(1)", "started <- Sys.time()", "#* @get /", "function() started", "f <- function() 1"), "api.R")
  got <- runtime$find_fragile(runtime$load_handler("api.R"))
  expect_identical(vapply(got, `[[`, "", "what"), c("started, a time read during the init", "set.seed() at api.R:1"))
})

test_that("the objects of the handler's package are found", {
  namespace <- asNamespace("stats")
  expect_identical(runtime$user_roots(runtime$new_handler(stats::sd, "sd")), list(globalenv(), namespace))
  expect_length(runtime$find_fragile(runtime$new_handler(stats::sd, "sd")), 0L)
  expect_type(runtime$present_value("sd", namespace), "closure")
})

test_that("promises stay unforced, active bindings are not called, and cycles end", {
  forced <- FALSE
  make <- function(lazy) function() lazy
  got <- found(
    {
      makeActiveBinding("active", function() stop("called"), environment())
      loop <- new.env()
      loop$loop <- loop
      odd <- structure(list(), class = "DBIConnection")
      strange <- structure(list(1), class = c("a", "b"))
      missing_argument <- quote(expr = )
    },
    make({
      forced <- TRUE
      Sys.time()
    })
  )
  expect_false(forced)
  expect_identical(got, "dbi: odd, a connection of class DBIConnection")
})

test_that("only times and days since the start of R are found", {
  expect_identical(
    found({
      now <- Sys.time()
      today <- Sys.Date()
      release <- as.Date("2020-01-01")
      origin <- as.POSIXct(0, origin = "1970-01-01")
      times <- c(Sys.time(), Sys.time())
      later <- Sys.time() + 3600
      none <- as.Date(NA)
    }),
    c("time: now, a time read during the init", "time: today, a time read during the init")
  )
})

test_that("pools, curl handles and clusters are found", {
  expect_setequal(
    found({
      handle <- structure(list(), class = "curl_handle")
      pool <- structure(list2env(list(valid = TRUE)), class = c("Pool", "R6"))
      closed <- structure(list2env(list(valid = FALSE)), class = c("Pool", "R6"))
      workers <- structure(list(1, 2), class = c("SOCKcluster", "cluster"))
      redis <- structure(list2env(list()), class = c("redis_api", "R6"))
    }),
    c(
      "curl: handle, a handle of class curl_handle", "pool: pool, a pool of connections",
      "cluster: workers, a cluster of 2 R processes", "dbi: redis, a connection of class redis_api"
    )
  )
})

test_that("connections that bootstrap finds in /proc are not found again", {
  got <- found({
    pipe <- pipe("cat", "r")
    log <- file("log.txt", "w")
  })
  expect_length(got, 0L)
  close(get("pipe", globalenv()))
  close(get("log", globalenv()))
})

test_that("copies of the seed and streams that are kept are found, the seed itself is not", {
  withr::local_preserve_seed()
  kind <- RNGkind()
  withr::defer(RNGkind(kind[[1L]]))
  expect_identical(
    found({
      RNGkind("Mersenne-Twister")
      runif(1)
      copy <- .Random.seed
      RNGkind("L'Ecuyer-CMRG")
      streams <- list(parallel::nextRNGStream(.Random.seed))
      numbers <- 1:626
      few <- c(10407L, 1L)
    }),
    c("seed: copy, a seed of R's generator", "seed: streams[[1]], a seed of R's generator")
  )
})

test_that("a name that is not valid UTF-8 can be sent", {
  got <- found(assign("a\xff", Sys.time(), globalenv()))
  expect_identical(got, "time: a<ff>, a time read during the init")
})

test_that("a large list and a large environment are looked at in part", {
  expect_length(found(table <- list2env(setNames(rep(list(1), 1e5), seq_len(1e5)))), 0L)
  expect_length(found(objects <- lapply(1:2000, function(i) new.env())), 0L)
  got <- found({
    big <- rep(list(1), 1e6)
    handles <- rep(list(structure(list(), class = "curl_handle")), 200)
  })
  expect_length(got, runtime$max_findings)
})
