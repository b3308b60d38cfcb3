terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 6.28 gives a public function URL both of the permissions that it needs.
      version = ">= 6.28, < 7.0"
    }
  }
}
