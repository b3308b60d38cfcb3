# The instances of a function on Lambda Managed Instances. They cost as EC2 does, as
# long as the function exists.

resource "aws_iam_role" "instances" {
  count = local.managed ? 1 : 0

  name               = "${var.name}-ec2"
  assume_role_policy = local.assumed_by_lambda
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "instances" {
  count = local.managed ? 1 : 0

  role       = aws_iam_role.instances[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AWSLambdaManagedEC2ResourceOperator"
}

resource "aws_lambda_capacity_provider" "instances" {
  count = local.managed ? 1 : 0

  name = var.name
  tags = var.tags

  vpc_config {
    subnet_ids         = var.managed_instances.subnet_ids
    security_group_ids = var.managed_instances.security_group_ids
  }

  permissions_config {
    capacity_provider_operator_role_arn = aws_iam_role.instances[0].arn
  }

  instance_requirements {
    architectures = [var.architecture]
  }

  capacity_provider_scaling_config {
    scaling_mode   = "Auto"
    max_vcpu_count = var.managed_instances.max_vcpu_count
  }

  depends_on = [aws_iam_role_policy_attachment.instances]
}
