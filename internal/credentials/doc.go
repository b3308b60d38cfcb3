// Package credentials fetches the function's AWS credentials from the container credentials
// endpoint and renews them before they expire.
//
// Functions with SnapStart have this endpoint instead of the variables AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, because credentials in a snapshot would be old when
// it is restored. Many R packages read only these variables.
//
// Everything with a secret hides it from fmt and log/slog, and no error contains one.
package credentials
