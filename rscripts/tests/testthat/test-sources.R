local_edition(3)

# documented() returns the titles in the tables of sources in docs/events.md, by source.
documented <- function() {
  lines <- readLines("../../../docs/events.md")
  table <- cumsum(!startsWith(lines, "|")) # the same number for the lines of a table
  rows <- lines[table %in% table[startsWith(lines, "| source | event of |")]]
  cells <- strsplit(grep("^\\| `", rows, value = TRUE), " *\\| *")
  setNames(vapply(cells, `[[`, character(1), 3L), gsub("`", "", vapply(cells, `[[`, character(1), 2L)))
}

is_function_of <- function(f, n) is.function(f) && length(formals(f)) == n

test_that("every entry is complete", {
  for (name in names(runtime$sources)) {
    source <- runtime$sources[[name]]
    expect_identical(names(source), names(formals(runtime$event_source)), info = name)
    expect_true(runtime$is_string(source$title), info = name)
    expect_gte(length(source$samples), 1L)
    expect_true(is.character(source$key) && (length(source$key) >= 1L || name == "direct"), info = name)
    expect_true(isTRUE(source$simplify) || isFALSE(source$simplify), info = name)
    expect_true(is_function_of(source$detect, 1L), info = name)
    expect_true(is_function_of(source$arguments, 2L), info = name)
    expect_true(is_function_of(source$lambdr, 1L), info = name)
    # A source of records has both, and only such a source has batches.
    expect_identical(is.null(source$records), is.null(source$unpack), info = name)
    if (!is.null(source$records)) {
      expect_true(is_function_of(source$records, 1L) && is_function_of(source$unpack, 1L), info = name)
      expect_null(source$http, info = name)
    }
    if (!is.null(source$batch)) {
      expect_false(is.null(source$records), info = name)
      expect_identical(names(source$batch), names(formals(runtime$batch_rules)), info = name)
    }
    if (!is.null(source$http)) {
      expect_identical(names(source$http), names(formals(runtime$gateway)), info = name)
    }
  }
})

test_that("every sample event exists, and belongs to one entry", {
  samples <- unlist(lapply(runtime$sources, `[[`, "samples"), use.names = FALSE)
  expect_identical(anyDuplicated(samples), 0L)
  expect_setequal(samples, sub("[.]json$", "", list.files(events_dir, "[.]json$")))
})

test_that("the docs have one row for every source, with its title", {
  rows <- documented()
  expect_identical(anyDuplicated(names(rows)), 0L)
  expect_setequal(names(rows), names(runtime$sources))
  titles <- vapply(runtime$sources, `[[`, character(1), "title")
  expect_identical(rows[names(titles)], titles)
})

test_that("samples of sources with records unpack, each record with its data", {
  for (name in names(runtime$sources)) {
    source <- runtime$sources[[name]]
    for (sample in source$samples) {
      if (is.null(source$records)) {
        expect_error(records_of(sample), "has no records", info = sample)
      } else {
        expect_true(all(vapply(records_of(sample), function(record) "data" %in% names(record), logical(1))), info = sample)
      }
    }
  }
})

test_that("samples of sources with batches have ids and sequences", {
  for (name in names(runtime$sources)) {
    rules <- runtime$sources[[name]]$batch
    for (sample in if (!is.null(rules)) runtime$sources[[name]]$samples) {
      records <- runtime$undecoded_records(event_json(sample))$records
      ids <- lapply(records, rules$id)
      expect_false(any(vapply(ids, is.null, logical(1))), info = sample)
      sequences <- rules$sequences(records, ids)
      expect_true(is.integer(sequences) && length(sequences) == length(records), info = sample)
    }
  }
})

test_that("samples of HTTP sources are requests, and their responses are JSON objects", {
  for (name in names(runtime$sources)) {
    source <- runtime$sources[[name]]
    for (sample in if (!is.null(source$http)) source$samples) {
      event <- read_event(event_json(sample))
      expect_identical(event$request$source, name, info = sample)
      response <- jsonlite::parse_json(runtime$encode_response("text", event$request))
      expect_identical(response[c("statusCode", "body")], list(statusCode = 200L, body = "text"), info = sample)
    }
  }
})

test_that("the whole event is one value, even if it is an object", {
  expect_identical(
    runtime$whole_event(list(value = list(a = 1), is_object = TRUE), NULL),
    list(value = list(a = 1), is_object = FALSE)
  )
})

test_that("only named lists have keys", {
  expect_identical(runtime$keys_of(list(a = 1)), list(value = list(a = 1), is_object = TRUE))
  for (value in list(list(1), 1, "a", NULL)) {
    expect_identical(runtime$keys_of(value), list(value = value, is_object = FALSE))
  }
})

test_that("an event that is sent back comes back exactly", {
  for (name in names(runtime$sources)) {
    source <- runtime$sources[[name]]
    for (sample in if (!source$simplify) source$samples) {
      text <- event_json(sample)
      event <- read_event(text)
      expect_false(event$simplified)
      expect_identical(
        jsonlite::parse_json(runtime$encode_answer(event$value, event)),
        jsonlite::parse_json(text),
        info = sample
      )
    }
  }
})

test_that("an authorizer's event is whole, its result goes as it is, and an error is the invocation's", {
  policy <- list(principalId = "user", policyDocument = list(Version = "2012-10-17", Statement = list(list(Effect = "Allow"))))
  for (sample in runtime$sources$authorizer$samples) {
    event <- read_event(event_json(sample))
    expect_null(event$request, info = sample)
    args <- bind_arguments(event_json(sample), function(request) NULL)
    expect_identical(args$request$type, "REQUEST", info = sample)
    expect_identical(jsonlite::parse_json(runtime$encode_answer(policy, event)), policy, info = sample)
    expect_false(runtime$is_http(event$source), info = sample)
  }
})
