# S3: the object that a record is about. Keys come encoded as in a URL.

# s3_object() returns the object of an event notification.
s3_object <- function(s3) {
  object <- pluck(s3, "object")
  list(
    bucket = pluck(s3, "bucket", "name"),
    key = object_key(pluck(object, "key")),
    size = pluck(object, "size"),
    version = pluck(object, "versionId")
  )
}

# s3_task() returns the object of a task of S3 Batch Operations. Schema 1.0 has the bucket's ARN,
# 2.0 its name.
s3_task <- function(task) {
  arn <- task[["s3BucketArn"]]
  list(
    bucket = if (is_string(arn)) sub("^.*:", "", arn) else task[["s3Bucket"]],
    key = object_key(task[["s3Key"]]),
    version = task[["s3VersionId"]]
  )
}

object_key <- function(key) if (is_string(key)) percent_decode(key, plus = TRUE) else key
