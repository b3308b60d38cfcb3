package runtimeapi

// Headers of GET /invocation/next. An empty header counts as an absent one.
const (
	HeaderRequestID       = "Lambda-Runtime-Aws-Request-Id"
	HeaderDeadlineMs      = "Lambda-Runtime-Deadline-Ms"
	HeaderFunctionARN     = "Lambda-Runtime-Invoked-Function-Arn"
	HeaderTraceID         = "Lambda-Runtime-Trace-Id"
	HeaderClientContext   = "Lambda-Runtime-Client-Context"
	HeaderCognitoIdentity = "Lambda-Runtime-Cognito-Identity"
	HeaderTenantID        = "Lambda-Runtime-Aws-Tenant-Id"

	// HeaderInvocationID is echoed on the report of an invocation that came with it.
	HeaderInvocationID = "Lambda-Runtime-Invocation-Id"
)

// Headers of the reports.
const (
	HeaderErrorType  = "Lambda-Runtime-Function-Error-Type"
	HeaderXRayCause  = "Lambda-Runtime-Function-XRay-Error-Cause"
	contentTypeError = "application/vnd.aws.lambda.error+json"
	contentTypeJSON  = "application/json"
)

// Headers of a streamed response. HeaderErrorType and HeaderErrorBody are its trailers, which
// have a value only if it broke off.
const (
	HeaderResponseMode = "Lambda-Runtime-Function-Response-Mode"
	HeaderErrorBody    = "Lambda-Runtime-Function-Error-Body" // ErrorReport.ShortBody in base64

	ModeStreaming = "streaming"

	// ContentTypeHTTP is for a body that begins with a Prelude and PreludeEnd.
	ContentTypeHTTP = "application/vnd.awslambda.http-integration-response"

	contentTypeBytes = "application/octet-stream"
)

// PreludeEnd comes between the JSON of a Prelude and the body of the HTTP response.
const PreludeEnd = "\x00\x00\x00\x00\x00\x00\x00\x00"

// Headers of the Extensions API.
const (
	HeaderExtensionName = "Lambda-Extension-Name"
	HeaderExtensionID   = "Lambda-Extension-Identifier"
)

// Paths, below http://$AWS_LAMBDA_RUNTIME_API.
const (
	PathNext       = "/2018-06-01/runtime/invocation/next"
	PathInvocation = "/2018-06-01/runtime/invocation/" // {id}/response, {id}/error
	PathInitError  = "/2018-06-01/runtime/init/error"

	// SnapStart; see "Implementing SnapStart hooks for container images".
	PathRestoreNext  = "/2018-06-01/runtime/restore/next"
	PathRestoreError = "/2018-06-01/runtime/restore/error"

	PathRegister      = "/2020-01-01/extension/register"
	PathExtensionNext = "/2020-01-01/extension/event/next"
)

// MaxResponse is the largest response that Lambda accepts, in bytes: 6 MiB and 100. Lambda
// answers a larger one with 413.
const MaxResponse = 6_291_556
