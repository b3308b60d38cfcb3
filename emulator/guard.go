package emulator

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Guard returns a handler that passes requests to next, except those that a foreign web page
// can make the browser of a developer send. addr is the requested listen address.
//
// A request needs a Host that belongs to this machine, because a web page can resolve a name
// of its own to this machine. Allowed are IP addresses, localhost and its subdomains, and the
// host of addr. If addr is unspecified, like 0.0.0.0:8080, the emulator probably runs in a
// container, so names of containers are allowed as well: names without a dot and names in
// .internal or .local, none of which exist in public DNS. No browser omits the Host, so that a
// client of HTTP/1.0 may.
//
// An Origin must be on this machine too. Browsers omit it from some requests, but mark them
// in Sec-Fetch-Site. Other clients send neither header.
func Guard(addr string, next http.Handler) http.Handler {
	return newGuard(addr, next, func(*http.Request) bool { return false })
}

// Guard is the function Guard, but it also passes the requests that pages of the origins of
// Config.CORS send to the function. Those pages cannot use the Invoke API.
func (e *Emulator) Guard(addr string, next http.Handler) http.Handler {
	return newGuard(addr, next, func(r *http.Request) bool {
		return e.servesHTTP(r) && (e.config.CORS.any() || e.config.CORS.allows(r.Header.Get("Origin")))
	})
}

// newGuard returns a Guard that does not check the origin of requests for which welcome is true.
func newGuard(addr string, next http.Handler, welcome func(*http.Request) bool) http.Handler {
	g := guard{name: hostname(addr)}
	if host, _, err := net.SplitHostPort(addr); err == nil {
		ip, err := netip.ParseAddr(host)
		g.anyAddress = host == "" || err == nil && ip.IsUnspecified()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host != "" && !g.allowsHost(hostname(r.Host)):
			WriteException(w, http.StatusForbidden, "AccessDeniedException",
				fmt.Sprintf("Host is %.100q, which is not known to be this machine: use localhost, or start bootstrap local with that name in --addr", r.Host))
		case !g.allowsOrigin(r) && !welcome(r):
			WriteException(w, http.StatusForbidden, "AccessDeniedException",
				fmt.Sprintf("Origin is %.100q: a web page of another site cannot invoke the function", r.Header.Get("Origin")))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

type guard struct {
	name       string // the host of the listen address
	anyAddress bool   // whether the listen address is unspecified
}

// allowsHost reports whether a host name can only mean this machine.
func (g guard) allowsHost(name string) bool {
	if name == "" {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil || isLocalhost(name) || name == g.name {
		return true
	}
	return g.anyAddress &&
		(!strings.Contains(name, ".") || strings.HasSuffix(name, ".internal") || strings.HasSuffix(name, ".local"))
}

// allowsOrigin reports whether a request comes from a page on this machine, or from no page.
func (g guard) allowsOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return r.Header.Get("Sec-Fetch-Site") != "cross-site"
	}
	u, err := url.Parse(origin)
	if err != nil || !strings.EqualFold(origin, u.Scheme+"://"+u.Host) {
		return false // for example "null", the origin of sandboxed pages
	}
	name := hostname(u.Host)
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback() || isLocalhost(name) || name != "" && name == hostname(r.Host) || g.name != "" && name == g.name
}

func isLocalhost(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// hostname returns the host of an address without its port, in lower case, or "" if the address
// is malformed.
func hostname(addr string) string {
	u, err := url.Parse("//" + addr)
	if err != nil || u.Host != addr { // for example a path or a user
		return ""
	}
	name := u.Hostname()
	if strings.Contains(name, ":") && !strings.HasPrefix(addr, "[") { // net/url accepts :::
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
