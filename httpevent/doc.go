// Package httpevent translates between the HTTP events of a function and HTTP, for a function that is
// a web server. It is the mirror of emulator/front:
//
//	event         → Parse         → the request that a caller has sent
//	HTTP response → Event.Result  → result
//	HTTP response → Event.Prelude → head of a streamed result
//
// It reads the events of function URLs and HTTP APIs (payload format 2.0), REST APIs (1.0),
// Application Load Balancers and VPC Lattice (event structures 1.0 and 2.0).
package httpevent
