package console

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lambda-r-runtime/emulator"
)

const (
	maxEvent = 6 << 20 // bytes, as of the Invoke API
	maxTimes = 100     // invocations of one request
)

// pagePolicy is the content security policy of the page: nothing from elsewhere, nothing inline.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data: blob:; frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// framePolicy is the policy of an HTML answer: no scripts, an origin of its own, nothing loaded.
const framePolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; " +
	"media-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"

func (c *Console) route() {
	c.mux = http.NewServeMux()
	c.mux.HandleFunc("GET "+Path, c.serveFile)
	c.mux.HandleFunc("GET "+Path+"/{file}", c.serveFile)
	c.mux.HandleFunc("GET "+Path+"/events", c.serveEvents)
	c.mux.HandleFunc("GET "+Path+"/samples", c.serveSamples)
	c.mux.HandleFunc("GET "+Path+"/invocations/{id}", c.serveInvocation)
	c.mux.HandleFunc("GET "+Path+"/frames/{id}", c.serveFrame)
	c.mux.HandleFunc("POST "+Path+"/invoke", c.serveInvoke)
	c.mux.HandleFunc("POST "+Path+"/fault", c.serveFault)
}

// IsFor reports whether the path of r is one of the console's.
func IsFor(r *http.Request) bool {
	return r.URL.Path == Path || strings.HasPrefix(r.URL.Path, Path+"/")
}

// Over returns a handler that serves the console at its paths and passes other requests to next. Wrap
// it in emulator.Guard, which refuses foreign hosts.
func (c *Console) Over(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsFor(r) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if why := foreign(r); why != "" {
			refuse(w, http.StatusForbidden, why)
			return
		}
		c.mux.ServeHTTP(w, r)
	})
}

// foreign returns why a request comes from another page, or "". It is stricter than emulator.Guard,
// which lets pages of other local servers invoke the function. Clients other than browsers send
// neither header.
func foreign(r *http.Request) string {
	if origin := r.Header.Get("Origin"); origin != "" && !strings.EqualFold(origin, "http://"+r.Host) {
		return "the request comes from a page of another origin"
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "" || site == "same-origin":
	case site == "none" && r.Method == http.MethodGet: // typed by the user
	case r.Method == http.MethodGet && r.URL.Path == Path && r.Header.Get("Sec-Fetch-Mode") == "navigate": // a link to the page
	default:
		return "the request comes from a page of another origin"
	}
	return ""
}

// serveFile serves the page and its files.
func (c *Console) serveFile(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if name == "" {
		name = "index.html"
	}
	text, err := static.ReadFile(path.Join("static", path.Base(name)))
	types := map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
	media, ok := types[path.Ext(name)]
	if err != nil || !ok {
		refuse(w, http.StatusNotFound, "the console has no such file")
		return
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	_, _ = w.Write(text) // a browser that has left needs no answer
}

func (c *Console) serveSamples(w http.ResponseWriter, _ *http.Request) { reply(w, c.config.Samples) }

// serveInvocation answers with the details of an invocation.
func (c *Console) serveInvocation(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	inv := c.invocations[r.PathValue("id")]
	if inv == nil {
		c.mu.Unlock()
		refuse(w, http.StatusNotFound, "this invocation is no longer kept")
		return
	}
	type details struct {
		invocation
		*detail
		Event  string  `json:"event"`
		Answer *answer `json:"answer"`
		Report *report `json:"report"`
		Log    []line  `json:"log"`
		Lost   int     `json:"lost"`
		Kept   bool    `json:"kept"`
	}
	d := details{invocation: *inv}
	var result *emulator.Result
	if inv.detail != nil {
		copied := *inv.detail
		d.detail, d.Kept = &copied, true
		d.Event, d.Report, d.Log, d.Lost = string(copied.event), copied.report, copied.lines, copied.lost
		result = copied.result
	}
	c.mu.Unlock()
	d.Answer = answerOf(result)
	reply(w, d)
}

// serveFrame serves an HTML answer for the sandboxed frame of the page.
func (c *Console) serveFrame(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	var result *emulator.Result
	if inv := c.invocations[r.PathValue("id")]; inv != nil && inv.detail != nil {
		result = inv.detail.result
	}
	c.mu.Unlock()
	a := answerOf(result)
	w.Header().Set("Content-Security-Policy", framePolicy)
	if a == nil || !a.isHTML() {
		refuse(w, http.StatusNotFound, "this answer is no longer kept, or is not an HTML page")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(a.Body) // a browser that has left needs no answer
}

// serveInvoke invokes the function with the body as its event, as often as the query asks, at once.
func (c *Console) serveInvoke(w http.ResponseWriter, r *http.Request) {
	if !isJSON(w, r) {
		return
	}
	event, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		refuse(w, http.StatusRequestEntityTooLarge, "the event has more than 6 MB, the most that Lambda takes")
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "the event could not be read")
		return
	}
	if !json.Valid(event) {
		refuse(w, http.StatusBadRequest, "the event is not JSON")
		return
	}
	query := r.URL.Query()
	times, timeout := 1, time.Duration(0)
	if text := query.Get("times"); text != "" {
		if times, err = strconv.Atoi(text); err != nil || times < 1 || times > maxTimes {
			refuse(w, http.StatusBadRequest, "times is not a whole number from 1 to 100")
			return
		}
	}
	if text := query.Get("timeout"); text != "" {
		if timeout, err = time.ParseDuration(text); err != nil || timeout <= 0 || timeout > 24*time.Hour {
			refuse(w, http.StatusBadRequest, "timeout is not a duration above 0, for example 1.5s")
			return
		}
	}
	ids := make([]string, times)
	var refused atomic.Int32
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() {
			id, result, err := c.config.Invoke(r.Context(), event, timeout)
			ids[i] = id
			switch {
			case errors.Is(err, emulator.ErrTooMany):
				refused.Add(1)
				c.refused(id)
			case err == nil:
				c.collected(id, result)
			}
		})
	}
	all.Wait()
	reply(w, struct {
		IDs     []string `json:"ids"`
		Refused int32    `json:"refused"`
	}{ids, refused.Load()})
}

// serveFault does something to a worker.
func (c *Console) serveFault(w http.ResponseWriter, r *http.Request) {
	if !isJSON(w, r) {
		return
	}
	var request struct {
		Slot  int   `json:"slot"`
		PID   int   `json:"pid"`
		Fault Fault `json:"fault"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&request); err != nil {
		refuse(w, http.StatusBadRequest, "the request is not JSON with slot, pid and fault")
		return
	}
	c.mu.Lock()
	s := c.slots[request.Slot]
	busy := s != nil && s.State == "busy"
	c.mu.Unlock()
	switch request.Fault {
	case FaultKill, FaultStop, FaultContinue:
	case FaultInterrupt:
		if !busy {
			refuse(w, http.StatusConflict, "the worker is idle, and would die of an interrupt: use kill")
			return
		}
	default:
		refuse(w, http.StatusBadRequest, "fault is not kill, interrupt, stop or continue")
		return
	}
	if err := c.config.Fault(request.Slot, request.PID, request.Fault); err != nil {
		refuse(w, http.StatusConflict, err.Error())
		return
	}
	if request.Fault == FaultStop || request.Fault == FaultContinue {
		c.suspended(request.Slot, request.PID, request.Fault == FaultStop)
	}
	w.WriteHeader(http.StatusNoContent)
}

// isJSON reports whether a request says that it is JSON, which a form of another page cannot. It
// refuses others.
func isJSON(w http.ResponseWriter, r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "the Content-Type is not application/json")
		return false
	}
	return true
}

// reply answers with JSON.
func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // a browser that has left needs no answer
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) // likewise
}
