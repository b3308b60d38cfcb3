# Event sources. Each entry of `sources` describes one source completely; every other file looks
# it up there. The functions that the entries name are in the files that are
# loaded before this one.
#
# To add a source: add an entry here, a sample event in tests/testthat/events, and a row to the
# tables of docs/events.md. test-sources.R fails if one is missing.

# event_source() returns the entry of one source.
#
# title: what sends the events, as in the row of docs/events.md.
# samples: the sample events, files of tests/testthat/events without ".json".
# key: a key at the top of every event of the source, or several of which one is there. Events
#   without it are not passed to detect.
# detect: function(event), TRUE for an event of the source, simplified or not.
# http: for HTTP sources, how they write requests and read responses, see gateway().
# arguments: function(event, takes), what the handler's arguments are taken from, as
#   list(value, is_object). `event` is a decoded event, see event.R.
# lambdr: function(event), the same for lambdr, as a list or one value.
# simplify: FALSE if the handler sends a changed event back, so that its arrays must stay lists.
# records: function(event), the list of records as they came. NULL if the source has no records.
# unpack: function(record), the fields to add to a record: `data`, the payload, and others.
# batch: how batch_handler() processes and reports, see batch_rules(). NULL if Lambda does not accept a
#   report of single records.
event_source <- function(title, samples, key, detect, http = NULL,
                         arguments = if (is.null(http)) whole_event else request_arguments,
                         lambdr = if (is.null(http)) lambdr_event else lambdr_request,
                         simplify = TRUE, records = NULL, unpack = NULL, batch = NULL) {
  list(
    title = title, samples = samples, key = key, detect = detect, http = http,
    arguments = arguments, lambdr = lambdr, simplify = simplify,
    records = records, unpack = unpack, batch = batch
  )
}

# record_source() returns the entry of a source whose events have an array of `Records`, each with
# the name of the service, such as "aws:sqs". The other arguments are those of event_source().
record_source <- function(title, samples, service, ...) {
  event_source(
    title, samples,
    key = "Records",
    detect = function(event) first_record_is(event, service),
    records = function(event) pluck(event, "Records"),
    ...
  )
}

# whole_event() gives the whole event to the first argument.
whole_event <- function(event, takes) list(value = event$value, is_object = FALSE)

# event_keys() gives the keys of the event to the arguments of the same names. An event without
# keys goes to the first argument.
event_keys <- function(event, takes) event

# keys_of() gives the keys of `value` to the arguments of the same names. A value without keys
# goes to the first argument.
keys_of <- function(value) {
  list(value = value, is_object = is.list(value) && !is.null(names(value)))
}

# gateway() returns how an HTTP source writes requests and reads responses.
#
# read: function(event), the event with the keys of API Gateway, see new_request().
# headers: function(response, request), the members of the result that hold the headers.
# encoded: the parts of the request that are percent-encoded as in the URL: "query",
#   "path_parameters".
# joins_query: TRUE if the values of a repeated key of the query are joined with commas.
# streams: FALSE if the source sends whole responses only.
gateway <- function(headers, read = identity, encoded = character(), joins_query = FALSE, streams = TRUE) {
  list(headers = headers, read = read, encoded = encoded, joins_query = joins_query, streams = streams)
}

# batch_rules() returns how a batch is processed and reported.
#
# id: function(record), the record's itemIdentifier, or NULL if it has none.
# sequences: function(records, ids), a number for each record. After a failure, the later
#   records with the same number are not processed.
# report: function(records, ids, outcomes), the report. An outcome is list(failed, value).
# value: function(value), what to keep of a value that the user's function returns.
batch_rules <- function(id, sequences, report = report_failures, value = function(value) NULL) {
  list(id = id, sequences = sequences, report = report, value = value)
}

# sources is all sources by name, in the order in which they are tried. LAMBDA_R_EVENT and
# docs/events.md use these names. An authorizer's event is that of a request with a few keys
# more. Requests come next: everything else in an event of theirs may be the caller's.
sources <- list(
  authorizer = event_source(
    title = "Lambda authorizer of type REQUEST",
    samples = c(
      "apigw-authorizer-request", "apigw-websocket-authorizer-request",
      "apigw-v2-authorizer-v1-request", "apigw-v2-authorizer-v2-request"
    ),
    key = "type",
    detect = function(event) {
      identical(event[["type"]], "REQUEST") && (is_string(event[["methodArn"]]) || is_string(event[["routeArn"]]))
    }
  ),
  alb = event_source(
    title = "Application Load Balancer",
    samples = c("alb-lambda-target-request-headers-only", "alb-multi-value-headers"),
    key = "requestContext",
    detect = function(event) is.list(pluck(request_context(event), "elb")),
    http = gateway(load_balancer_headers, encoded = "query", streams = FALSE)
  ),
  url = event_source(
    title = "function URL",
    samples = "lambda-urls-request",
    key = "requestContext",
    detect = function(event) is_payload_2(event) && is_function_url(event),
    http = gateway(payload_2_headers, joins_query = TRUE)
  ),
  http = event_source(
    title = "API Gateway HTTP API, payload version 2.0",
    samples = "apigw-v2-request-no-authorizer",
    key = "requestContext",
    detect = is_payload_2,
    http = gateway(payload_2_headers, joins_query = TRUE)
  ),
  websocket = event_source(
    title = "API Gateway WebSocket API",
    samples = c("apigw-websocket-request", "apigw-websocket-message"),
    key = "requestContext",
    detect = function(event) is_string(pluck(request_context(event), "connectionId")),
    http = gateway(payload_1_headers, streams = FALSE)
  ),
  rest = event_source(
    title = "API Gateway REST API, or HTTP API with payload version 1.0",
    samples = "apigw-request",
    key = "requestContext",
    detect = function(event) {
      !is.null(request_context(event)) && is_string(event[["httpMethod"]]) && is_string(event[["path"]])
    },
    http = gateway(payload_1_headers, encoded = "path_parameters")
  ),
  lattice = event_source(
    title = "VPC Lattice, event structure 1.0 or 2.0",
    samples = c("vpc-lattice-event", "vpc-lattice-v2-event"),
    key = c("raw_path", "requestContext"),
    detect = function(event) is_lattice_1(event) || is_lattice_2(event),
    http = gateway(payload_2_headers, read = read_lattice, streams = FALSE)
  ),
  sqs = record_source(
    title = "SQS queue",
    samples = c("sqs-event", "sqs-fifo-event", "sqs-orders-event"),
    service = "aws:sqs",
    unpack = function(record) list(data = json_or_text(record[["body"]])),
    batch = batch_rules(
      id = function(record) text_id(pluck(record, "messageId")),
      sequences = function(records, ids) {
        queue <- if (length(records)) pluck(records[[1L]], "eventSourceARN")
        if (is_string(queue) && endsWith(queue, ".fifo")) one_sequence(records) else separate_sequences(records)
      }
    )
  ),
  sns = record_source(
    title = "SNS topic",
    samples = "sns-event",
    service = "aws:sns",
    lambdr = function(event) lambdr_message(event$value[["Records"]]),
    unpack = function(record) list(data = json_or_text(pluck(record[["Sns"]], "Message")))
  ),
  s3 = record_source(
    title = "S3 event notification",
    samples = "s3-event",
    service = "aws:s3",
    unpack = function(record) list(data = s3_object(record[["s3"]]))
  ),
  kinesis = record_source(
    title = "Kinesis data stream",
    samples = "kinesis-event",
    service = "aws:kinesis",
    unpack = function(record) {
      list(data = decode_payload(pluck(record[["kinesis"]], "data"), "kinesis$data"))
    },
    batch = batch_rules(
      id = function(record) text_id(pluck(record, "kinesis", "sequenceNumber")),
      sequences = one_sequence,
      report = report_first_failure
    )
  ),
  dynamodb = record_source(
    title = "DynamoDB stream",
    samples = c("dynamodb-event", "dynamodb-changes-event"),
    service = "aws:dynamodb",
    unpack = function(record) list(data = dynamodb_images(record[["dynamodb"]])),
    batch = batch_rules(
      id = function(record) text_id(pluck(record, "dynamodb", "SequenceNumber")),
      sequences = one_sequence,
      report = report_first_failure
    )
  ),
  ses = record_source(
    title = "SES receipt rule",
    samples = "ses-event",
    service = "aws:ses",
    unpack = function(record) list(data = record[["ses"]])
  ),
  codecommit = record_source(
    title = "CodeCommit trigger",
    samples = "codecommit-event",
    service = "aws:codecommit",
    unpack = function(record) list(data = record[["codecommit"]])
  ),
  firehose = event_source(
    title = "Firehose data transformation",
    samples = c("firehose-event", "firehose-kinesis-event"),
    key = "deliveryStreamArn",
    detect = function(event) is_string(event[["deliveryStreamArn"]]) && is.list(event[["records"]]),
    records = function(event) pluck(event, "records"),
    unpack = function(record) list(data = decode_payload(record[["data"]], "data")),
    batch = batch_rules(
      id = function(record) text_id(pluck(record, "recordId")),
      sequences = separate_sequences,
      report = report_transformed,
      value = transformed_data
    )
  ),
  activemq = event_source(
    title = "Amazon MQ: ActiveMQ",
    samples = "activemq-event",
    key = "messages",
    detect = function(event) {
      is_string(event[["eventSource"]]) && event[["eventSource"]] %in% c("aws:mq", "aws:amq") && is.list(event[["messages"]])
    },
    records = function(event) pluck(event, "messages"),
    unpack = function(record) list(data = decode_payload(record[["data"]], "data"))
  ),
  rabbitmq = event_source(
    title = "Amazon MQ: RabbitMQ",
    samples = "rabbitmq-event",
    key = "rmqMessagesByQueue",
    detect = function(event) {
      identical(event[["eventSource"]], "aws:rmq") && is.list(event[["rmqMessagesByQueue"]])
    },
    records = function(event) rabbitmq_records(pluck(event, "rmqMessagesByQueue")),
    unpack = function(record) list(data = decode_payload(record[["data"]], "data"))
  ),
  cognito = event_source(
    title = "Cognito user pool trigger",
    samples = c("cognito-pretokengen-event", "cognito-define-auth-challenge-event"),
    key = "triggerSource",
    detect = function(event) {
      is_string(event[["triggerSource"]]) && is.list(event[["request"]]) && "response" %in% names(event)
    },
    arguments = event_keys,
    simplify = FALSE
  ),
  lex = event_source(
    title = "Lex bot",
    samples = c("lex-v1-event", "lex-v2-event"),
    key = c("sessionState", "currentIntent"),
    detect = function(event) is.list(event[["bot"]]) && is_string(event[["invocationSource"]]),
    arguments = event_keys,
    simplify = FALSE
  ),
  macro = event_source(
    title = "CloudFormation macro",
    samples = "cloudformation-macro-event",
    key = "fragment",
    detect = function(event) is_string(event[["transformId"]]) && is_string(event[["requestId"]]),
    arguments = event_keys,
    simplify = FALSE
  ),
  eventbridge = event_source(
    title = "EventBridge rule or schedule",
    samples = c("codebuild-state-change", "scheduled-event"),
    key = "detail-type",
    detect = function(event) {
      is_string(event[["detail-type"]]) && is_string(event[["source"]]) && "detail" %in% names(event)
    },
    arguments = function(event, takes) keys_of(pluck(event$value, "detail")),
    lambdr = function(event) event$value[["detail"]]
  ),
  msk = event_source(
    title = "Kafka: MSK or self-managed",
    samples = c("msk-event", "self-managed-kafka-event"),
    key = "records",
    detect = function(event) {
      is_string(event[["eventSource"]]) && is.list(event[["records"]]) &&
        event[["eventSource"]] %in% c("aws:kafka", "aws:SelfManagedKafka", "SelfManagedKafka")
    },
    records = function(event) kafka_records(pluck(event, "records")),
    unpack = function(record) {
      list(
        key_data = decode_payload(record[["key"]], "key"),
        header_data = kafka_headers(record[["headers"]]),
        data = decode_payload(record[["value"]], "value")
      )
    },
    batch = batch_rules(id = kafka_id, sequences = kafka_partitions)
  ),
  logs = event_source(
    title = "CloudWatch Logs subscription",
    samples = c("cloudwatch-logs-event", "cloudwatch-logs-control-event"),
    key = "awslogs",
    detect = function(event) is_string(pluck(event[["awslogs"]], "data")),
    records = function(event) log_records(pluck(event, "awslogs", "data")),
    unpack = function(record) list(data = json_or_text(record[["message"]]))
  ),
  `s3-batch` = event_source(
    title = "S3 Batch Operations",
    samples = c("s3-batch-job-event-request-1.0", "s3-batch-job-event-2.0"),
    key = "tasks",
    detect = function(event) {
      is_string(event[["invocationSchemaVersion"]]) && !is.null(event[["tasks"]]) && is.list(event[["job"]])
    },
    records = function(event) pluck(event, "tasks"),
    unpack = function(record) list(data = s3_task(record))
  ),
  direct = event_source(
    title = "direct invocation",
    samples = "direct-event",
    key = character(),
    detect = function(event) TRUE,
    arguments = event_keys
  )
)

# source_keys holds the keys of all sources, each with the name of its source.
source_keys <- unlist(lapply(sources, `[[`, "key"))
names(source_keys) <- rep(names(sources), lengths(lapply(sources, `[[`, "key")))
