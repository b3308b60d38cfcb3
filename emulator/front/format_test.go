package front_test

import (
	"net/http/httptest"
	"testing"

	"lambda-r-runtime/emulator/front"
)

func TestValid(t *testing.T) {
	for format, want := range map[front.Format]bool{"url": true, "rest": true, "alb": true, "lattice": true, "": false, "URL": false} {
		if got := format.Valid(); got != want {
			t.Errorf("%q: got %v, want %v", format, got, want)
		}
	}
}

func TestRefuse(t *testing.T) {
	for status, text := range map[int][2]string{
		400: {"Bad Request", `{"message":"Bad Request"}`},
		413: {"Request Too Long", `{"message":"Request Too Long"}`},
		429: {"Too Many Requests", `{"message":"Too Many Requests"}`},
		502: {"Internal Server Error", `{"message":"Internal server error"}`},
	} {
		for format, want := range map[front.Format]string{front.FunctionURL: text[0], front.RESTAPI: text[1], front.LoadBalancer: text[0], front.Lattice: text[0]} {
			w := httptest.NewRecorder()
			format.Refuse(w, status)
			if w.Code != status || w.Body.String() != want {
				t.Errorf("%s: got %d %s, want %d %s", format, w.Code, w.Body, status, want)
			}
		}
	}
}
