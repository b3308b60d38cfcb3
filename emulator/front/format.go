package front

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// A Format names what AWS has in front of a function. It decides what events look like and
// which results are valid.
type Format string

const (
	FunctionURL  Format = "url"     // payload format 2.0, of function URLs and HTTP APIs
	RESTAPI      Format = "rest"    // payload format 1.0, of API Gateway's REST APIs
	LoadBalancer Format = "alb"     // an Application Load Balancer
	Lattice      Format = "lattice" // VPC Lattice, event structure 2.0
)

// format is how one Format works.
type format struct {
	event   func(*request) map[string]any
	respond func(result []byte) (*response, error)
	refuse  func(w http.ResponseWriter, status int)
	streams bool
}

var formats = map[Format]format{
	FunctionURL:  {urlEvent, urlResponse, refuseInText, true},
	RESTAPI:      {restEvent, restResponse, refuseInJSON, true},
	LoadBalancer: {albEvent, albResponse, refuseInText, false},
	Lattice:      {latticeEvent, latticeResponse, refuseInText, false},
}

// Valid reports whether f is one of the constants above. The other methods need a valid
// Format.
func (f Format) Valid() bool {
	_, ok := formats[f]
	return ok
}

// Streams reports whether a streamed result reaches the caller while it comes. A load
// balancer and VPC Lattice wait for all of it and accept no prelude.
func (f Format) Streams() bool { return formats[f].streams }

// Refuse writes the error with which AWS itself answers: 400, 408, 413, 429, or 502 if the
// function failed.
func (f Format) Refuse(w http.ResponseWriter, status int) { formats[f].refuse(w, status) }

// refusals are the texts of AWS that are not HTTP's.
var refusals = map[int]string{
	http.StatusRequestEntityTooLarge: "Request Too Long",
	http.StatusBadGateway:            "Internal Server Error",
}

func refusal(status int) string {
	if text, ok := refusals[status]; ok {
		return text
	}
	return http.StatusText(status)
}

func refuseInText(w http.ResponseWriter, status int) {
	writeRefusal(w, status, "text/plain; charset=utf-8", []byte(refusal(status)))
}

func refuseInJSON(w http.ResponseWriter, status int) {
	text := refusal(status)
	if status == http.StatusBadGateway {
		text = "Internal server error" // the capitals of a REST API
	}
	body, err := json.Marshal(map[string]string{"message": text})
	if err != nil {
		panic(err) // a map of strings cannot fail
	}
	writeRefusal(w, status, "application/json", body)
}

func writeRefusal(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that has left needs no answer
}
