# Kafka: records by partition, with keys and headers.

# kafka_records() returns the records of all partitions as one list.
kafka_records <- function(partitions) {
  if (!is.list(partitions)) {
    return(partitions)
  }
  simplified <- Find(is.data.frame, partitions)
  if (is.null(simplified)) as.list(unlist(unname(partitions), recursive = FALSE)) else simplified
}

# kafka_headers() decodes a record's headers, which are lists of signed bytes. A name may come
# more than once.
kafka_headers <- function(headers) {
  lapply(as.list(unlist(headers, recursive = FALSE)), function(value) {
    value <- unlist(value)
    if (!is.null(value) && !(is.numeric(value) && all(value %in% -128:255))) {
      stop("a header is not a list of bytes")
    }
    text_or_bytes(as.raw(value %% 256))
  })
}

# kafka_id() returns a record's itemIdentifier: its partition, as topic-number, and its offset.
kafka_id <- function(record) {
  topic <- pluck(record, "topic")
  partition <- pluck(record, "partition")
  offset <- pluck(record, "offset")
  if (is_string(topic) && is.numeric(partition) && is.numeric(offset)) {
    list(partition = paste0(topic, "-", sprintf("%.0f", partition)), offset = offset)
  }
}

# kafka_partitions() returns a number for each record: that of its partition.
kafka_partitions <- function(records, ids) {
  partitions <- vapply(ids, `[[`, character(1), "partition")
  match(partitions, unique(partitions))
}
