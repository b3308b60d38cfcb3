// Package front translates between HTTP and the events of a function, as the services of
// AWS do that stand in front of one: a function URL, a REST API of API Gateway, an
// Application Load Balancer, or VPC Lattice.
//
//	HTTP request     → Format.Event   → event
//	result           → Format.Respond → HTTP response
//	streamed result  → Stream         → HTTP response, while it comes
//	no result        → Format.Refuse  → HTTP error
//
// The package has no state. The caller invokes the function and enforces its limits.
package front
