# Chained invokes: another Lambda function does a part of the work, and is billed by itself.

# durable_invoke() invokes another Lambda function, durable or not, and waits for its result without
# being billed.
#
# function_name: its name or ARN, with a version or an alias if it is durable.
# payload: its event.
# name: a name for the history.
# tenant_id: the tenant, if the function isolates tenants.
# serialiser: list(write, read), of one or both: the event's text, and the result's value.
#
# Returns the result, read as an event is. Stops with an error of class durable_invoke_error if the
# function fails, times out or is stopped.
durable_invoke <- function(function_name, payload = NULL, name = NULL, tenant_id = NULL,
                           serialiser = NULL) {
  in_runtime({
    label <- operation_label("durable_invoke", if (is.null(name)) function_name else name)
    is_name <- is_string(function_name) && nchar(function_name) <= 256L &&
      grepl("^[A-Za-z0-9:_$.-]+$", function_name)
    if (!is_name) {
      stop_durable(
        "durable_invoke(): function_name must be the name or the ARN of a Lambda function, not ",
        quoted(clean_text(function_name, 256L))
      )
    }
    if (!is.null(tenant_id) && !is_string(tenant_id)) {
      stop_durable(label, ": tenant_id must be one string")
    }
    check_serialiser(label, serialiser)
    operation <- begin_operation("durable_invoke", "CHAINED_INVOKE", "ChainedInvoke", name)
    operation$label <- label
    text <- if (!is.null(serialiser$write)) {
      encode_stored(payload, label, serialiser)
    } else {
      as.character(encode_or_fail(payload, "payload"))
    }
    large <- too_large(text, paste0("the payload of ", label), "keep it in S3 and pass the key")
    if (!is.null(large)) {
      stop(large)
    }
    outcome <- send_operation(
      operation, "start", text, function_name = function_name, tenant_id = tenant_id
    )
    switch(outcome$status,
      SUCCEEDED = decode_answer(outcome$payload, serialiser),
      STARTED = suspend(current$durable),
      stop(operation_condition(
        "durable_invoke_error", "the invocation of", outcome$error, function_name
      ))
    )
  })
}
