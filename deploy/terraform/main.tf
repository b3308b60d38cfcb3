locals {
  managed    = var.managed_instances != null
  log_format = local.managed ? "JSON" : var.log_format

  # Both roles are Lambda's to assume: one for the function, one for its instances.
  assumed_by_lambda = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

data "aws_partition" "current" {}

resource "aws_ecr_repository" "image" {
  count = var.create_repository ? 1 : 0

  name = var.name
  tags = var.tags
}

resource "aws_cloudwatch_log_group" "logs" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_iam_role" "function" {
  name               = var.name
  assume_role_policy = local.assumed_by_lambda
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.function.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy_attachment" "durable" {
  count = var.durable == null ? 0 : 1

  role       = aws_iam_role.function.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AWSLambdaBasicDurableExecutionRolePolicy"
}

resource "aws_iam_role_policy_attachment" "more" {
  for_each = var.policy_arns

  role       = aws_iam_role.function.name
  policy_arn = each.value
}

resource "aws_lambda_function" "function" {
  count = var.image_uri == null ? 0 : 1

  function_name = var.name
  role          = aws_iam_role.function.arn
  package_type  = "Image"
  image_uri     = var.image_uri
  architectures = [var.architecture]
  memory_size   = var.memory_size
  timeout       = var.timeout
  tags          = var.tags

  # Only a published version runs on Managed Instances, or has a snapshot. A durable execution keeps the
  # version that it began with.
  publish    = local.managed || var.snap_start || var.durable != null
  publish_to = local.managed ? "LATEST_PUBLISHED" : null

  dynamic "image_config" {
    for_each = var.handler == null ? [] : [var.handler]
    content {
      command = [image_config.value]
    }
  }

  dynamic "snap_start" {
    for_each = var.snap_start ? ["PublishedVersions"] : []
    content {
      apply_on = snap_start.value
    }
  }

  dynamic "durable_config" {
    for_each = var.durable[*]
    content {
      execution_timeout = durable_config.value.execution_timeout
      retention_period  = durable_config.value.retention_period
    }
  }

  environment {
    variables = merge({
      LOG_LEVEL             = var.log_level
      LAMBDA_R_INIT_TIMEOUT = "${max(130, var.timeout)}s" # as long as Lambda allows
    }, var.environment)
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.logs.name
    log_format            = local.log_format
    application_log_level = local.log_format == "JSON" ? var.log_level : null
  }

  dynamic "capacity_provider_config" {
    for_each = aws_lambda_capacity_provider.instances
    content {
      lambda_managed_instances_capacity_provider_config {
        capacity_provider_arn                     = capacity_provider_config.value.arn
        per_execution_environment_max_concurrency = var.managed_instances.max_concurrency
        execution_environment_memory_gib_per_vcpu = var.managed_instances.memory_gib_per_vcpu
      }
    }
  }

  timeouts {
    create = "30m" # instances have to start
    update = "30m"
  }

  lifecycle {
    precondition {
      condition     = local.managed ? var.memory_size >= 2048 : var.memory_size <= 10240
      error_message = "memory_size is at least 2048 on Managed Instances, and at most 10240 elsewhere."
    }
    precondition {
      condition     = local.managed || var.timeout <= 900
      error_message = "timeout is at most 900, except on Managed Instances."
    }
    precondition {
      condition     = !local.managed || !var.snap_start
      error_message = "snap_start is not for Managed Instances, which keep their environments."
    }
    precondition {
      condition     = !local.managed || var.url_auth == "OFF"
      error_message = "This module gives no URL to a function on Managed Instances."
    }
  }

  depends_on = [aws_iam_role_policy_attachment.logs, aws_iam_role_policy_attachment.durable]
}

# Callers of the alias get the version that the last apply published: with SnapStart from its snapshot.
resource "aws_lambda_alias" "live" {
  count = var.image_uri != null && (var.snap_start || var.durable != null) ? 1 : 0

  name             = "live"
  function_name    = aws_lambda_function.function[0].function_name
  function_version = aws_lambda_function.function[0].version
}

# With authorization_type NONE the provider lets everybody call it.
resource "aws_lambda_function_url" "url" {
  count = var.image_uri != null && var.url_auth != "OFF" ? 1 : 0

  function_name      = aws_lambda_function.function[0].function_name
  qualifier          = one(aws_lambda_alias.live[*].name)
  authorization_type = var.url_auth
}
