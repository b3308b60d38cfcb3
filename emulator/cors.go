package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// CORS are the origins whose pages may call the function: the setting AllowOrigins of a function
// URL. AllowMethods and AllowHeaders are "*". Credentials are not allowed.
type CORS []string

// Check returns an error if one of the origins is not an origin, or "*" among others.
func (c CORS) Check() error {
	for _, origin := range c {
		if origin == "*" {
			if len(c) > 1 {
				return errors.New(`"*" allows all origins: leave out the others`)
			}
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
			origin != u.Scheme+"://"+u.Host || strings.Contains(origin, "*") {
			return fmt.Errorf("%q is not an origin: want scheme, host and port only, for example https://example.com, or *", origin)
		}
	}
	return nil
}

func (c CORS) any() bool { return slices.Contains(c, "*") }

func (c CORS) allows(origin string) bool {
	return origin != "" && (c.any() ||
		slices.ContainsFunc(c, func(allowed string) bool { return strings.EqualFold(allowed, origin) }))
}

// corsHeaders are the headers of a response that belong to the setting.
var corsHeaders = []string{
	"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
	"Access-Control-Allow-Credentials", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
}

// setOrigin replaces what the function says about origins.
func (c CORS) setOrigin(h http.Header, origin string) {
	for _, name := range corsHeaders {
		h.Del(name)
	}
	if c.any() {
		h.Set("Access-Control-Allow-Origin", "*")
		return
	}
	h.Add("Vary", "Origin")
	if c.allows(origin) {
		h.Set("Access-Control-Allow-Origin", origin)
	}
}

// wrap answers preflight requests and sets the headers of all other responses of next. Lambda calls
// the function whatever the origin: the browser does not show the response to other pages.
func (c CORS) wrap(next http.HandlerFunc) http.HandlerFunc {
	if len(c) == 0 {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if r.Method != http.MethodOptions || origin == "" || r.Header.Get("Access-Control-Request-Method") == "" {
			next(&corsWriter{ResponseWriter: w, cors: c, origin: origin}, r)
			return
		}
		h := w.Header()
		c.setOrigin(h, origin)
		if c.allows(origin) {
			h.Set("Access-Control-Allow-Methods", "*")
			h.Set("Access-Control-Allow-Headers", "*")
		}
		w.WriteHeader(http.StatusOK)
	}
}

// A corsWriter sets the headers of the setting when the response begins.
type corsWriter struct {
	http.ResponseWriter
	cors   CORS
	origin string
	begun  bool
}

func (w *corsWriter) begin() {
	if !w.begun {
		w.begun = true
		w.cors.setOrigin(w.Header(), w.origin)
	}
}

func (w *corsWriter) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

func (w *corsWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController.
func (w *corsWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *corsWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
