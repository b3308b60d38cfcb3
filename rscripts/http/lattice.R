# VPC Lattice: its requests, in the form of API Gateway's.

# is_lattice_1() returns TRUE for event structure 1.0, whose keys are in snake case.
is_lattice_1 <- function(event) {
  is_string(event[["raw_path"]]) && is_string(event[["method"]]) && is.list(event[["headers"]])
}

# is_lattice_2() returns TRUE for event structure 2.0.
is_lattice_2 <- function(event) {
  is_string(pluck(request_context(event), "serviceNetworkArn")) && is_string(event[["method"]]) && is_string(event[["path"]])
}

# read_lattice() returns an event with the keys of API Gateway. The path of structure 1.0 includes
# the query string.
read_lattice <- function(event) {
  path <- first_string(event[["raw_path"]], event[["path"]])
  query <- regexpr("?", path, fixed = TRUE)
  list(
    httpMethod = event[["method"]],
    path = if (query > 0L) substr(path, 1L, query - 1L) else path,
    rawQueryString = if (query > 0L) substring(path, query + 1L),
    queryStringParameters = if (is_lattice_1(event)) event[["query_string_parameters"]] else event[["queryStringParameters"]],
    headers = event[["headers"]],
    body = event[["body"]],
    isBase64Encoded = if (is_lattice_1(event)) event[["is_base64_encoded"]] else event[["isBase64Encoded"]]
  )
}
