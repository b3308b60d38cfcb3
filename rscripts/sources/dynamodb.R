# The attribute values of DynamoDB, which come with the names of their types.

# dynamodb_images() returns what a record of a stream has of the item: its keys, and how
# it is now and was before, as far as the stream's view type has them.
dynamodb_images <- function(dynamodb) {
  list(
    keys = dynamodb_item(pluck(dynamodb, "Keys")),
    new = dynamodb_item(pluck(dynamodb, "NewImage")),
    old = dynamodb_item(pluck(dynamodb, "OldImage"))
  )
}

dynamodb_item <- function(item) if (!is.null(item)) lapply(item, dynamodb_value)

# dynamodb_value() makes an R value of one like {"N": "1"}. Lists stay lists, sets of
# strings and of numbers are vectors, binary values are raw.
dynamodb_value <- function(typed) {
  type <- names(typed)
  if (!is.list(typed) || length(typed) != 1L || is.null(type)) {
    stop("an attribute of the item has no type")
  }
  value <- typed[[1L]]
  switch(type,
    S = , BOOL = value,
    N = if (is_string(value)) dynamodb_numbers(value) else stop("a number attribute is no text"),
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

# dynamodb_numbers() makes numbers of DynamoDB's, which have up to 38 digits. An R number
# keeps 15: if one has more, all stay text, so that an id is never changed.
dynamodb_numbers <- function(text) {
  text <- as.character(text)
  if (!all(grepl("^-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?$", text))) {
    stop("a number attribute is not a number")
  }
  digits <- gsub("[-.]", "", sub("[eE].*", "", text))
  significant <- nchar(sub("0+$", "", sub("^0+", "", digits)))
  if (all(significant <= 15L)) as.numeric(text) else text
}
