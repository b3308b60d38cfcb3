# The fields of sample events that tests set.

# sample_fields has a function for each source but direct. Its first argument is the sample, the
# others are the fields. A field with a payload, such as `body` of sqs, makes one record of a string,
# of raw bytes or of a list with names, which becomes JSON. A vector of strings, or a list without
# names, makes a record of each element.
sample_fields <- list(
  authorizer = function(event, method = "GET", path = "/orders", headers = list(), query = list()) {
    if (identical(event$version, "2.0")) {
      return(payload_2_request(event, method, path, query, headers, NULL, NULL, NULL))
    }
    payload_1_request(event, method, path, query, headers, NULL, NULL, NULL)
  },
  alb = function(event, method = method_for(body), path = "/", query = list(), headers = list(), body = NULL, cookies = NULL) {
    load_balancer_request(event, method, path, query, headers, body, cookies)
  },
  url = function(event, method = method_for(body), path = "/", query = list(), headers = list(), body = NULL, cookies = NULL) {
    payload_2_request(event, method, path, query, headers, body, cookies, NULL)
  },
  http = function(event, method = method_for(body), path = "/", query = list(), headers = list(), body = NULL, cookies = NULL,
                  path_parameters = NULL) {
    payload_2_request(event, method, path, query, headers, body, cookies, path_parameters)
  },
  websocket = function(event, body = "", route_key = "$default", connection_id = "GXLKAfX1FiACG1w=") {
    event <- c(event[names(event) != "body"], sample_body(body)[c("body", "isBase64Encoded")])
    event <- event[!duplicated(names(event), fromLast = TRUE)]
    event$requestContext$routeKey <- route_key
    event$requestContext$eventType <- switch(route_key, "$connect" = "CONNECT", "$disconnect" = "DISCONNECT", "MESSAGE")
    event$requestContext$connectionId <- connection_id
    event
  },
  rest = function(event, method = method_for(body), path = "/", query = list(), headers = list(), body = NULL, cookies = NULL,
                  path_parameters = NULL) {
    payload_1_request(event, method, path, query, headers, body, cookies, path_parameters)
  },
  lattice = function(event, method = method_for(body), path = "/", query = list(), headers = list(), body = NULL, cookies = NULL) {
    lattice_request(event, method, path, query, headers, body, cookies)
  },
  sqs = function(event, body = "Message Body", group = NULL) {
    event$Records <- sample_records(event$Records[[1L]], body, function(record, body, i) {
      record$messageId <- numbered(record$messageId, i)
      record$body <- payload_text(body)
      record$md5OfBody <- text_md5(record$body)
      if (!is.null(group)) {
        if (!grepl("[.]fifo$", record$eventSourceARN)) {
          record$eventSourceARN <- paste0(record$eventSourceARN, ".fifo")
        }
        record$attributes$MessageGroupId <- group
        record$attributes$SequenceNumber <- sprintf("%020d", i)
      }
      record
    })
    event
  },
  sns = function(event, message = "Hello from SNS!", subject = "TestInvoke") {
    event$Records <- sample_records(event$Records[[1L]], message, function(record, message, i) {
      record$Sns$MessageId <- numbered(record$Sns$MessageId, i)
      record$Sns$Message <- payload_text(message)
      record$Sns["Subject"] <- list(subject)
      record
    })
    event
  },
  s3 = function(event, bucket = "sourcebucket", key = "Happy Face.jpg", size = 1024, event_name = "ObjectCreated:Put") {
    event$Records <- sample_records(event$Records[[1L]], key, function(record, key, i) {
      record$eventName <- event_name
      record$s3$bucket$name <- bucket
      record$s3$bucket$arn <- paste0("arn:aws:s3:::", bucket)
      record$s3$object$key <- url_key(key)
      record$s3$object$size <- size
      record
    })
    event
  },
  kinesis = function(event, data = "Hello World", partition_key = "s1") {
    event$Records <- sample_records(event$Records[[1L]], data, function(record, data, i) {
      record$kinesis$data <- payload_base64(data)
      record$kinesis$partitionKey <- partition_key
      record$kinesis$sequenceNumber <- sub("[0-9]{6}$", sprintf("%06d", i), record$kinesis$sequenceNumber)
      record$eventID <- paste0("shardId-000000000000:", record$kinesis$sequenceNumber)
      record
    })
    event
  },
  dynamodb = function(event, new = NULL, old = NULL, keys = utils::head(c(new, old), 1L),
                      event_name = if (is.null(old)) "INSERT" else if (is.null(new)) "REMOVE" else "MODIFY") {
    record <- event$Records[[1L]]
    record$eventName <- event_name
    record$dynamodb$Keys <- dynamodb_typed(keys)
    record$dynamodb$NewImage <- if (!is.null(new)) dynamodb_typed(new)
    record$dynamodb$OldImage <- if (!is.null(old)) dynamodb_typed(old)
    event$Records <- list(record)
    event
  },
  ses = function(event, subject, from, to) {
    mail <- event$Records[[1L]]$ses$mail
    if (!missing(subject)) {
      mail$commonHeaders$subject <- subject
    }
    if (!missing(from)) {
      mail$source <- from
      mail$commonHeaders$from <- list(from)
    }
    if (!missing(to)) {
      mail$destination <- mail$commonHeaders$to <- as.list(to)
      event$Records[[1L]]$ses$receipt$recipients <- as.list(to)
    }
    event$Records[[1L]]$ses$mail <- mail
    event
  },
  codecommit = function(event, ref = "refs/heads/main", commit = "5c4ef1049f1d27deadbeeff313e0730018be182b") {
    event$Records[[1L]]$codecommit$references[[1L]][c("ref", "commit")] <- list(ref, commit)
    event
  },
  firehose = function(event, data = "Hello World") {
    event$records <- sample_records(event$records[[1L]], data, function(record, data, i) {
      record$recordId <- as.character(i)
      record$data <- payload_base64(data)
      record
    })
    event
  },
  activemq = function(event, data = "Hello World") {
    event$messages <- sample_records(event$messages[[1L]], data, function(record, data, i) {
      record$messageID <- paste0("ID:", i)
      record$messageType <- if (is.raw(data)) "jms/bytes-message" else "jms/text-message"
      record$data <- payload_base64(data)
      record
    })
    event
  },
  rabbitmq = function(event, data = "Hello World", queue = "orders::/") {
    records <- sample_records(event$rmqMessagesByQueue[[1L]][[1L]], data, function(record, data, i) {
      record$data <- payload_base64(data)
      record$basicProperties$bodySize <- length(payload_bytes(data))
      record
    })
    event$rmqMessagesByQueue <- structure(list(records), names = queue)
    event
  },
  cognito = function(event, trigger, user_name, user_attributes) {
    if (!missing(trigger)) {
      event$triggerSource <- trigger
    }
    if (!missing(user_name)) {
      event$userName <- user_name
    }
    if (!missing(user_attributes)) {
      event$request$userAttributes <- as.list(user_attributes)
    }
    event
  },
  lex = function(event, text, intent) {
    if (!missing(text)) {
      event$inputTranscript <- text
    }
    if (!missing(intent)) {
      if (is.null(event$currentIntent)) event$sessionState$intent$name <- intent else event$currentIntent$name <- intent
    }
    event
  },
  macro = function(event, fragment, params = named_list()) {
    if (!missing(fragment)) {
      event$fragment <- fragment
    }
    event$params <- if (length(params)) params else named_list()
    event
  },
  eventbridge = function(event, detail = named_list(), detail_type = "Sample", event_source = "my.app") {
    event$detail <- if (length(detail)) detail else named_list()
    event[["detail-type"]] <- detail_type
    event$source <- event_source
    event
  },
  msk = function(event, value = "Hello World", key = NULL, topic = "orders") {
    records <- sample_records(event$records[[1L]][[1L]], value, function(record, value, i) {
      record$topic <- topic
      record$offset <- record$offset + i - 1
      record$value <- payload_base64(value)
      record$key <- if (!is.null(key)) payload_base64(key)
      record$headers <- list()
      record
    })
    event$records <- structure(list(records), names = paste0(topic, "-0"))
    event
  },
  logs = function(event, message = "Hello World", log_group = "/aws/lambda/function") {
    events <- sample_records(list(), message, function(record, message, i) {
      list(id = sprintf("%056d", i), timestamp = 1700000000000 + i, message = payload_text(message))
    })
    batch <- list(
      messageType = "DATA_MESSAGE", owner = "123456789012", logGroup = log_group, logStream = "stream",
      subscriptionFilters = list("filter"), logEvents = events
    )
    event$awslogs$data <- base64_text(gzip(charToRaw(encode_or_fail(batch))))
    event
  },
  `s3-batch` = function(event, bucket = "amzn-s3-demo-bucket", key = "Happy Face.jpg") {
    event$tasks <- sample_records(event$tasks[[1L]], key, function(record, key, i) {
      record$taskId <- numbered(record$taskId, i)
      record$s3Key <- url_key(key)
      if (is.null(record$s3BucketArn)) record$s3Bucket <- bucket else record$s3BucketArn <- paste0("arn:aws:s3:::", bucket)
      record
    })
    event
  }
)

# sample_records() returns a record for each payload, made of the sample `record`.
sample_records <- function(record, payload, fill) {
  payloads <- if (is.list(payload) && is.null(names(payload)) || is.character(payload) && !is.object(payload)) {
    as.list(payload)
  } else {
    list(payload)
  }
  if (!length(payloads)) {
    stop("sample_event(): an event has one record at least", call. = FALSE)
  }
  lapply(seq_along(payloads), function(i) fill(record, payloads[[i]], i))
}

# numbered() returns an id for the record number `i`: the sample's own for the first one.
numbered <- function(id, i) if (i == 1L) id else paste0(id, "-", i)

payload_text <- function(x) {
  if (is.raw(x)) {
    stop("sample_event(): this field is text, which raw bytes cannot be", call. = FALSE)
  }
  if (is_plain_text(x)) enc2utf8(x) else as.character(encode_or_fail(x))
}

payload_bytes <- function(x) if (is.raw(x)) x else charToRaw(payload_text(x))

payload_base64 <- function(x) base64_text(payload_bytes(x))

# url_key() encodes the key of an object as S3 does: as in a URL, except for the slashes.
url_key <- function(key) gsub("%2F", "/", percent_encode(key), fixed = TRUE)

text_md5 <- function(text) {
  path <- tempfile()
  on.exit(unlink(path))
  writeBin(charToRaw(text), path)
  unname(tools::md5sum(path))
}

gzip <- function(bytes) {
  path <- tempfile()
  on.exit(unlink(path))
  con <- gzfile(path, "wb")
  writeBin(bytes, con)
  close(con)
  readBin(path, "raw", file.size(path))
}

# named_list() returns a list that is {} in JSON.
named_list <- function() structure(list(), names = character())

# dynamodb_typed() returns an item as a stream has it: each attribute names its type.
dynamodb_typed <- function(item) lapply(as.list(item), dynamodb_attribute)

dynamodb_attribute <- function(value) {
  if (is.null(value)) {
    list("NULL" = TRUE)
  } else if (is.raw(value)) {
    list(B = base64_text(value))
  } else if (is.list(value)) {
    if (is.null(names(value))) list(L = lapply(value, dynamodb_attribute)) else list(M = dynamodb_typed(value))
  } else if (length(value) != 1L) {
    list(L = lapply(unname(as.list(value)), dynamodb_attribute))
  } else if (is.logical(value)) {
    list(BOOL = value)
  } else if (is.numeric(value)) {
    list(N = sprintf("%.15g", value))
  } else {
    list(S = as.character(value))
  }
}
