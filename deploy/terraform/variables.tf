variable "name" {
  type        = string
  description = "Name of the function, and of all that belongs to it."

  validation {
    condition     = can(regex("^[a-zA-Z0-9-_]{1,60}$", var.name))
    error_message = "name takes 1 to 60 letters, digits, hyphens and underscores."
  }
}

variable "image_uri" {
  type        = string
  default     = null
  description = "The image in Amazon ECR, with its tag or digest. null: everything but the function, for the time before the first push."

  validation {
    condition     = var.image_uri == null || can(regex("^[0-9]{12}\\.dkr\\.ecr\\..+[:@].+$", var.image_uri))
    error_message = "image_uri is an image in Amazon ECR, with a tag or a digest."
  }
}

variable "create_repository" {
  type        = bool
  default     = false
  description = "Whether to create an ECR repository called name."
}

variable "handler" {
  type        = string
  default     = null
  description = "The R function to call, for example functions.parity. null: what the image's CMD says."
}

variable "architecture" {
  type        = string
  default     = "x86_64"
  description = "What the image was built for: x86_64 or arm64."

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is x86_64 or arm64."
  }
}

variable "memory_size" {
  type        = number
  default     = 1024
  description = "Memory in MB. CPU grows with it. On Managed Instances the memory of one environment, at least 2048."

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 32768
    error_message = "memory_size is a number of MB from 128 to 32768."
  }
}

variable "timeout" {
  type        = number
  default     = 30
  description = "How long an invocation may take, in seconds: up to 900, on Managed Instances up to 5400."

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 5400
    error_message = "timeout is a number of seconds from 1 to 900, on Managed Instances from 1 to 5400."
  }
}

variable "snap_start" {
  type        = bool
  default     = false
  description = "Whether each apply that changes the function initialises it once, and the alias live starts its environments from a snapshot of that."
}

variable "environment" {
  type        = map(string)
  default     = {}
  description = "Environment variables: settings of the runtime, and the function's own."

  # Lambda would take a misspelt setting, and the runtime would never see it.
  validation {
    condition = alltrue([
      for name in keys(var.environment) : !startswith(name, "LAMBDA_R_") || contains([
        "LAMBDA_R_WORKERS", "LAMBDA_R_INIT_TIMEOUT", "LAMBDA_R_DEADLINE_MARGIN", "LAMBDA_R_MAX_INVOCATIONS", "LAMBDA_R_MAX_RSS", "LAMBDA_R_METRICS", "LAMBDA_R_FORK",
        "LAMBDA_R_SIMPLIFY", "LAMBDA_R_EVENT", "LAMBDA_R_COMPAT", "LAMBDA_R_LOCAL_ADDR", "LAMBDA_R_BIN",
      ], name)
    ])
    error_message = "environment has a LAMBDA_R_ variable that is no setting of the runtime."
  }
}

variable "log_format" {
  type        = string
  default     = "Text"
  description = "Log lines as Text, or each as a JSON object: JSON. Managed Instances log JSON, whatever this says."

  validation {
    condition     = contains(["Text", "JSON"], var.log_format)
    error_message = "log_format is Text or JSON."
  }
}

variable "log_level" {
  type        = string
  default     = "INFO"
  description = "The least level that is logged: DEBUG, INFO, WARN or ERROR."

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level is DEBUG, INFO, WARN or ERROR."
  }
}

variable "log_retention_days" {
  type        = number
  default     = 14
  description = "After how many days a log record is deleted."

  validation {
    condition = contains([
      1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
    ], var.log_retention_days)
    error_message = "log_retention_days is one of the periods of CloudWatch Logs, for example 1, 7, 14, 30, 90 or 365."
  }
}

variable "url_auth" {
  type        = string
  default     = "OFF"
  description = "The function URL. OFF: none. AWS_IAM: for signed requests. NONE: for the whole world."

  validation {
    condition     = contains(["OFF", "AWS_IAM", "NONE"], var.url_auth)
    error_message = "url_auth is OFF, AWS_IAM or NONE."
  }
}

variable "policy_arns" {
  type        = map(string)
  default     = {}
  description = "More policies for the function's role: ARNs by names of your own."
}

variable "durable" {
  type = object({
    execution_timeout = number
    retention_period  = optional(number, 14)
  })
  default     = null
  description = "Make the function durable: execution_timeout is how long an execution may take with all its waits, in seconds; retention_period is for how many days its history is kept. Only a new function can be made durable."

  validation {
    condition     = var.durable == null || try(var.durable.execution_timeout >= 1 && var.durable.execution_timeout <= 31622400, false)
    error_message = "durable.execution_timeout is a number of seconds from 1 to 31622400, a year."
  }
  validation {
    condition     = var.durable == null || try(var.durable.retention_period >= 1 && var.durable.retention_period <= 90, false)
    error_message = "durable.retention_period is a number of days from 1 to 90."
  }
}

variable "managed_instances" {
  type = object({
    subnet_ids          = list(string)
    security_group_ids  = list(string)
    max_concurrency     = optional(number, 4)
    memory_gib_per_vcpu = optional(number, 2)
    max_vcpu_count      = optional(number, 30)
  })
  default     = null
  description = "Run on Lambda Managed Instances in these subnets, with max_concurrency invocations, each in an R process of its own, in one environment. A function cannot be moved to them or away from them."

  validation {
    condition     = var.managed_instances == null || try(contains([2, 4, 8], var.managed_instances.memory_gib_per_vcpu), false)
    error_message = "managed_instances.memory_gib_per_vcpu is 2, 4 or 8."
  }
  validation {
    condition     = var.managed_instances == null || try(var.managed_instances.max_concurrency >= 1 && var.managed_instances.max_concurrency <= 1600, false)
    error_message = "managed_instances.max_concurrency is a number from 1 to 1600."
  }
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of everything that can have some."
}
