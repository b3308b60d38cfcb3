# DynamoDB: attribute values, each of which names its type.

# dynamodb_images() returns the item of a stream record: its keys, its new image and its old one.
# An image is NULL if the stream's view type does not include it.
dynamodb_images <- function(dynamodb) {
  list(
    keys = dynamodb_item(pluck(dynamodb, "Keys")),
    new = dynamodb_item(pluck(dynamodb, "NewImage")),
    old = dynamodb_item(pluck(dynamodb, "OldImage"))
  )
}

dynamodb_item <- function(item) if (!is.null(item)) lapply(item, dynamodb_value)

# dynamodb_value() returns the R value of an attribute value such as {"N": "1"}. Lists stay
# lists, sets of strings and of numbers become vectors, binary values become raw vectors.
dynamodb_value <- function(typed) {
  type <- names(typed)
  if (!is.list(typed) || length(typed) != 1L || is.null(type)) {
    stop("an attribute of the item has no type")
  }
  value <- typed[[1L]]
  switch(type,
    S = , BOOL = value,
    N = if (is_string(value)) dynamodb_numbers(value) else stop("a number attribute is not text"),
    B = base64_bytes(value, "a binary attribute"),
    "NULL" = NULL,
    L = lapply(value, dynamodb_value),
    M = dynamodb_item(value),
    SS = as.character(unlist(value)),
    NS = dynamodb_numbers(unlist(value)),
    BS = lapply(value, base64_bytes, what = "a binary attribute"),
    stop("an attribute has the unknown type ", quoted(type))
  )
}

# dynamodb_numbers() converts DynamoDB's numbers, which have up to 38 digits. An R number keeps
# 15: if one has more, all stay text, so that an id never changes.
dynamodb_numbers <- function(text) {
  text <- as.character(text)
  if (!all(grepl("^-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?$", text))) {
    stop("a number attribute is not a number")
  }
  digits <- gsub("[-.]", "", sub("[eE].*", "", text))
  significant <- nchar(sub("0+$", "", sub("^0+", "", digits)))
  if (all(significant <= 15L)) as.numeric(text) else text
}
