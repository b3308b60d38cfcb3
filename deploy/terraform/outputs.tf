output "function_name" {
  value       = one(aws_lambda_function.function[*].function_name)
  description = "For aws lambda invoke. null before the first push."
}

output "function_arn" {
  value       = var.snap_start || var.durable != null ? one(aws_lambda_alias.live[*].arn) : one(aws_lambda_function.function[*].arn)
  description = "For event sources and policies: with snap_start or durable that of the alias live. null before the first push."
}

output "function_url" {
  value       = one(aws_lambda_function_url.url[*].function_url)
  description = "For curl. null if there is none."
}

output "log_group_name" {
  value       = aws_cloudwatch_log_group.logs.name
  description = "For aws logs tail."
}

output "repository_url" {
  value       = one(aws_ecr_repository.image[*].repository_url)
  description = "For docker push. null if the module creates none."
}

output "role_name" {
  value       = aws_iam_role.function.name
  description = "For policies that the function needs."
}
