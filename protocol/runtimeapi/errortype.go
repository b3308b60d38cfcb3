package runtimeapi

// The error types that this runtime reports to Lambda. The names that R code reports are
// here, too; errortype_test.go checks that neither side uses any other.
const (
	// The init.
	ErrorInvalidConfiguration = "Runtime.InvalidConfiguration" // a setting is invalid
	ErrorInvalidEntrypoint    = "Runtime.InvalidEntrypoint"    // R cannot be found or started
	ErrorInitTimeout          = "Runtime.InitTimeout"          // R was not ready in time
	ErrorInit                 = "Runtime.InitError"            // the handler's file signalled an error
	ErrorMalformedHandler     = "Runtime.MalformedHandlerName"
	ErrorHandlerNotFound      = "Runtime.HandlerNotFound" // its file does not exist
	ErrorNoSuchHandler        = "Runtime.NoSuchHandler"   // its function does not exist
	ErrorUserCodeSyntax       = "Runtime.UserCodeSyntaxError"
	ErrorImportModule         = "Runtime.ImportModuleError" // a package cannot be loaded

	// SnapStart.
	ErrorBeforeSnapshot = "Runtime.BeforeSnapshotError" // priming or an on_snapshot() hook failed
	ErrorAfterRestore   = "Runtime.AfterRestoreError"   // an on_restore() hook failed
	ErrorPriming        = "Runtime.PrimingError"        // a sample event was answered with a failure

	// The event and the result.
	ErrorEvent                = "Runtime.EventError"     // the event did not arrive whole
	ErrorUnmarshal            = "Runtime.UnmarshalError" // the event is not valid JSON
	ErrorInvalidArguments     = "Runtime.InvalidArguments"
	ErrorBadRequest           = "Runtime.BadRequest"   // an HTTP request that cannot be decoded
	ErrorMarshal              = "Runtime.MarshalError" // the result cannot be encoded
	ErrorResponseSizeTooLarge = "Function.ResponseSizeTooLarge"

	// The worker.
	ErrorInvocationTimeout = "Runtime.InvocationTimeout"
	ErrorInterrupted       = "Runtime.Interrupted"   // R's answer to an interrupt
	ErrorWorkerCrashed     = "Runtime.WorkerCrashed" // R died
	ErrorOutOfMemory       = "Runtime.OutOfMemory"
	ErrorProtocol          = "Runtime.ProtocolError"     // R broke the protocol of frames
	ErrorWorkerUnavailable = "Runtime.WorkerUnavailable" // no R could take the invocation
	ErrorForkFailed        = "Runtime.ForkFailed"        // a template cannot fork; only bootstrap gets it

	// Durable executions.
	ErrorInvalidDurableEvent = "Runtime.InvalidDurableEvent" // the event cannot be read
	ErrorNotDurable          = "Runtime.NotDurable"          // the handler and the function's settings do not fit
	ErrorInvalidOperation    = "Runtime.InvalidOperation"    // AWS would refuse the operation
	ErrorPayloadTooLarge     = "Runtime.PayloadTooLarge"     // the value of an operation is
	ErrorCheckpointFailed    = "Runtime.CheckpointFailed"    // the API did not answer in time
	ErrorCheckpointRefused   = "Runtime.CheckpointRefused"   // the API refused it for good
	ErrorNothingPending      = "Runtime.NothingPending"      // the handler was suspended, with nothing to wait for

	// ErrorFunction is for an R class that has no letters to make a name of.
	ErrorFunction = "Function.Error"
)

// The error types of Lambda itself, which the emulator answers with.
const (
	ErrorUnknown                = "Runtime.Unknown"
	ErrorInvalidResponseMode    = "Runtime.InvalidResponseModeHeader"
	ErrorTruncatedResponse      = "Runtime.TruncatedResponse"
	ErrorInvalidExtensionName   = "Extension.InvalidExtensionName"
	ErrorInvalidStateTransition = "Extension.InvalidStateTransition"
)
