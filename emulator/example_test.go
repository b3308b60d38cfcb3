package emulator_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"lambda-r-runtime/emulator"
	"lambda-r-runtime/emulator/front"
	"lambda-r-runtime/protocol/runtimeapi"
)

// Serve an emulator, run a function as its runtime, and invoke the function.
func Example() {
	e := emulator.New(emulator.Config{
		Timeout: 5 * time.Second,
		OnReady: func() { fmt.Println("the runtime is ready") },
	})
	server := httptest.NewServer(e)
	defer server.Close()

	stop := startRuntime(server.URL, func(event string) string { return `"hello, ` + event[1:] })
	defer stop()

	resp, err := http.Post(server.URL+"/2015-03-31/functions/function/invocations", "application/json", strings.NewReader(`"world"`))
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body))

	// Output:
	// the runtime is ready
	// 200 "hello, world"
}

// With Config.HTTP, any HTTP request invokes the function.
func Example_http() {
	server := httptest.NewServer(emulator.New(emulator.Config{HTTP: front.FunctionURL}))
	defer server.Close()

	stop := startRuntime(server.URL, func(string) string { return `{"statusCode":418,"body":"short and stout"}` })
	defer stop()

	resp, err := http.Get(server.URL + "/teapot")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(body))

	// Output: 418 I'm a teapot short and stout
}

// If the runtime misses the deadline, the caller gets the same error as in Lambda.
func Example_timeout() {
	server := httptest.NewServer(emulator.New(emulator.Config{Timeout: 10 * time.Millisecond}))
	defer server.Close()

	poll, err := http.NewRequest(http.MethodGet, server.URL+runtimeapi.PathNext, nil)
	if err != nil {
		log.Fatal(err)
	}
	var runtime sync.WaitGroup
	runtime.Go(func() { // takes the event and does not answer
		if resp, err := http.DefaultClient.Do(poll); err == nil {
			resp.Body.Close()
		}
	})
	resp, err := http.Post(server.URL+"/2015-03-31/functions/function/invocations", "application/json", strings.NewReader("1"))
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	runtime.Wait()
	body, _ := io.ReadAll(resp.Body)
	_, message, _ := strings.Cut(string(body), "Error: ")
	fmt.Println(resp.StatusCode, resp.Header.Get("X-Amz-Function-Error"), message[:len("Task timed out")])

	// Output: 200 Unhandled Task timed out
}

// startRuntime answers each event of the Runtime API at url with handle, until stop is called.
func startRuntime(url string, handle func(event string) string) (stop func()) {
	client, err := runtimeapi.NewClient(strings.TrimPrefix(url, "http://"), "example", 1)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { // stop waits for it
		for {
			inv, err := client.Next(ctx)
			if err != nil {
				return // stop was called
			}
			if err := client.Respond(ctx, inv, []byte(handle(string(inv.Event)))); err != nil {
				log.Print(err)
			}
		}
	})
	return func() {
		cancel()
		loop.Wait()
		client.Close()
	}
}
