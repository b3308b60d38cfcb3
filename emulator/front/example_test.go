package front_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"lambda-r-runtime/emulator/front"
)

// Turn a request into an event, and a result into a response.
func ExampleFormat() {
	r := httptest.NewRequest("GET", "/plot?n=5", nil)
	event := front.FunctionURL.Event(front.Request{HTTP: r, ID: "id-1", TraceID: "Root=1-2-3", Time: time.Now()})
	var fields struct{ RawPath, RawQueryString string }
	if err := json.Unmarshal(event, &fields); err != nil {
		log.Fatal(err)
	}
	fmt.Println(fields.RawPath, fields.RawQueryString)

	w := httptest.NewRecorder()
	if err := front.FunctionURL.Respond(w, []byte(`{"statusCode": 404, "body": "no plot"}`)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Code, w.Body)

	err := front.FunctionURL.Respond(w, []byte(`{"statusCode": "OK"}`))
	fmt.Println(err)

	// Output:
	// /plot n=5
	// 404 no plot
	// statusCode is "\"OK\"": want a number from 200 to 599
}
