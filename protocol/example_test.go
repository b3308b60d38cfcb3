package protocol_test

import (
	"fmt"
	"io"
	"log"

	"lambda-r-runtime/protocol"
)

// Write a frame, read a reply. A goroutine takes the part of R.
func Example() {
	requests, toR := io.Pipe()
	fromR, replies := io.Pipe()
	go func() { // ends with its reply, which the example reads
		r := protocol.NewReader(requests)
		request, _ := r.ReadPayload(protocol.MaxControl)
		event, _ := r.ReadPayload(protocol.MaxPayload)
		fmt.Printf("R reads %s and the event %s\n", request, event)
		reply := protocol.Reply{Type: protocol.TypeResult, ID: "7f3a"}
		_ = protocol.NewWriter(replies).WriteMessagePayload(reply, []byte(`"even"`))
	}()

	invoke := protocol.Invoke{Type: protocol.TypeInvoke, ID: "7f3a"}
	if err := protocol.NewWriter(toR).WriteMessagePayload(invoke, []byte(`{"number":4}`)); err != nil {
		log.Fatal(err)
	}
	r := protocol.NewReader(fromR)
	reply, err := r.ReadReply()
	if err != nil {
		log.Fatal(err)
	}
	payload, err := r.ReadPayload(6 << 20)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the %s of %s is %s\n", reply.Type, reply.ID, payload)
	// Output:
	// R reads {"type":"invoke","id":"7f3a"} and the event {"number":4}
	// the result of 7f3a is "even"
}
