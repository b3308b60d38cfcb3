# Metrics of the user: log lines in CloudWatch's embedded metric format ("Specification: Embedded
# metric format" in the CloudWatch user guide).

metric_units <- c(
  "None", "Count", "Percent", "Seconds", "Milliseconds", "Microseconds",
  "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes",
  "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits",
  "Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second",
  "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second", "Count/Second"
)

# metric_json() returns the line of a metric; for the arguments see log_metric().
metric_json <- function(name, value, unit, fields, dimensions, namespace) {
  if (!is_string(name) || !nzchar(name)) {
    stop("log_metric(): name must be one string", call. = FALSE)
  }
  if (!is.numeric(value) || !length(value) || length(value) > 100L || !all(is.finite(value))) {
    stop("log_metric(): value must be a finite number, or up to 100 of them", call. = FALSE)
  }
  if (!is_string(unit) || !unit %in% metric_units) {
    stop("log_metric(): unit must be one of ", paste(metric_units, collapse = ", "), call. = FALSE)
  }
  check_names(fields, "fields")
  check_names(dimensions, "dimensions")
  fn <- Sys.getenv("AWS_LAMBDA_FUNCTION_NAME", "function")
  if (is.null(namespace)) {
    namespace <- fn
  }
  if (!is_string(namespace) || !nzchar(namespace)) {
    stop("log_metric(): namespace must be one string", call. = FALSE)
  }
  dimensions <- c(list(FunctionName = fn), lapply(as.list(dimensions), as.character))
  reserved <- c("_aws", name, names(dimensions))
  if (anyDuplicated(reserved) || any(names(fields) %in% reserved)) {
    stop("log_metric(): the metric, dimensions and fields must have different names", call. = FALSE)
  }
  directive <- list(
    Namespace = namespace, Dimensions = list(as.list(names(dimensions))), Metrics = list(list(Name = name, Unit = unit))
  )
  line <- c(
    list(`_aws` = list(Timestamp = floor(now_ms()), CloudWatchMetrics = list(directive))),
    dimensions, structure(list(as.vector(value)), names = name)
  )
  json <- join_one(
    c(vapply(line, encode_or_fail, character(1)), vapply(fields, log_field, character(1))),
    c(names(line), names(fields))
  )
  enc2utf8(json)
}

# check_names() stops unless all elements of `x` have names.
check_names <- function(x, what) {
  if (length(x) && (is.null(names(x)) || !all(nzchar(names(x))))) {
    stop("log_metric(): ", what, " must have names", call. = FALSE)
  }
}
