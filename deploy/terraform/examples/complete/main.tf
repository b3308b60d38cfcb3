# A function with a public URL from an image in a repository of its own. The first
# apply goes without image_uri; then push the image, and apply again with it.

terraform {
  required_version = ">= 1.5"
}

variable "image_uri" {
  type        = string
  default     = null
  description = "The pushed image, with its tag or digest."
}

module "plot" {
  source = "../.."

  name              = "plot"
  create_repository = true
  image_uri         = var.image_uri
  handler           = "app.plot"
  memory_size       = 1769 # one whole CPU
  url_auth          = "NONE"

  environment = {
    LAMBDA_R_MAX_RSS = "1GB"
  }
}

output "repository_url" {
  value       = module.plot.repository_url
  description = "For docker push."
}

output "function_url" {
  value       = module.plot.function_url
  description = "For curl."
}
