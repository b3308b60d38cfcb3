package faulty_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/faulty"
	"lambda-r-runtime/protocol/runtimeapi"
)

// Answer every init error with status 500, and print the calls.
func ExampleHandler() {
	server := httptest.NewServer(&faulty.Handler{
		Next: emulator.New(emulator.Config{}),
		Fault: func(c faulty.Call) (f faulty.Fault) {
			if c.Op == faulty.OpInitError {
				f.Status = http.StatusInternalServerError
			}
			return f
		},
		Observe: func(c faulty.Call) {
			if c.Ended {
				fmt.Println(c.Op, "ended with status", c.Status)
			}
		},
	})
	defer server.Close()

	resp, err := http.Post(server.URL+runtimeapi.PathInitError, "application/json", strings.NewReader(`{"errorType":"Runtime.Broken"}`))
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()

	// Output: init/error ended with status 500
}
