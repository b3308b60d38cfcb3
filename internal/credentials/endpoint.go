package credentials

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"lambda-r-runtime/internal/random"
)

// Config configures an Endpoint. The first three fields are the variables
// AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN and
// AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.
type Config struct {
	URI       string
	Token     string // the Authorization header; none if empty
	TokenFile string // if not empty, a file with the token, which can change

	// RuntimeAPI is the host:port of Lambda's Runtime API. In Lambda, the same server has the
	// credentials.
	RuntimeAPI string
}

// An Endpoint is a container credentials endpoint (AWS SDKs and Tools Reference Guide, "Container
// credential provider").
type Endpoint struct {
	url       *url.URL
	token     string
	tokenFile string
	client    http.Client
}

const (
	maxAnswer = 64 << 10 // bytes; tokens have one or two thousand

	firstPause = 50 * time.Millisecond // before the second attempt; doubled each time
	lastPause  = 4 * firstPause        // before the last attempt
)

// NewEndpoint returns the endpoint that c describes. It does not connect to it.
func NewEndpoint(c Config) (*Endpoint, error) {
	u, err := url.Parse(c.URI)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI: not an http or https URL")
	}
	dialer := &net.Dialer{}
	if u.Scheme == "http" && u.Host != c.RuntimeAPI {
		dialer.Control = allowLocal
	}
	return &Endpoint{
		url:       u,
		token:     c.Token,
		tokenFile: c.TokenFile,
		client: http.Client{
			Transport: &http.Transport{
				Proxy:                  nil, // the token is not for a proxy
				DialContext:            dialer.DialContext,
				DisableKeepAlives:      true, // a connection would be dead after a restore
				DisableCompression:     true,
				MaxResponseHeaderBytes: maxAnswer,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// localAddresses are, beside those of the loopback interface, the addresses that AWS SDKs accept
// without https: those of ECS tasks and of EKS Pod Identity.
var localAddresses = []netip.Addr{
	netip.MustParseAddr("169.254.170.2"),
	netip.MustParseAddr("169.254.170.23"),
	netip.MustParseAddr("fd00:ec2::23"),
}

// allowLocal returns an error if address may not get the token without encryption. It runs for
// each address to which the name of the host resolves, before the connection.
func allowLocal(_, address string, _ syscall.RawConn) error {
	host, err := netip.ParseAddrPort(address)
	if ip := host.Addr().Unmap(); err == nil && (ip.IsLoopback() || slices.Contains(localAddresses, ip)) {
		return nil
	}
	return &addressError{address}
}

// name returns the endpoint as errors show it: a path or a query may be secret.
func (e *Endpoint) name() string { return e.url.Scheme + "://" + e.url.Host }

// Fetch asks the endpoint for credentials. If it is not reached or fails, Fetch repeats that after
// short pauses. The error is an *Error.
func (e *Endpoint) Fetch(ctx context.Context) (Credentials, error) {
	for pause := firstPause; ; pause *= 2 {
		c, err := e.try(ctx)
		if err == nil {
			return c, nil
		}
		if !err.Temporary() || pause > lastPause {
			return Credentials{}, err
		}
		select {
		case <-time.After(random.Jitter(pause)):
		case <-ctx.Done():
			return Credentials{}, err
		}
	}
}

// try asks once.
func (e *Endpoint) try(ctx context.Context) (Credentials, *Error) {
	token, err := e.readToken()
	if err != nil {
		return Credentials{}, &Error{Endpoint: e.name(), Reason: "no token", Err: err}
	}
	req := (&http.Request{Method: http.MethodGet, URL: e.url, Header: http.Header{"Accept": {"application/json"}}}).WithContext(ctx)
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return Credentials{}, e.transportError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Credentials{}, e.statusError(resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Credentials{}, e.transportError(err)
	}
	if len(body) > maxAnswer {
		return Credentials{}, e.answerError(fmt.Sprintf("the answer exceeds %d bytes", maxAnswer))
	}
	c, reason := parse(body)
	if reason != "" {
		return Credentials{}, e.answerError(reason)
	}
	return c, nil
}

// readToken returns the token. It reads the file each time, because its content changes.
func (e *Endpoint) readToken() (string, error) {
	token, variable := e.token, "AWS_CONTAINER_AUTHORIZATION_TOKEN"
	if e.tokenFile != "" {
		variable += "_FILE"
		text, err := os.ReadFile(e.tokenFile)
		if err != nil {
			return "", fmt.Errorf("%s: %w", variable, err)
		}
		token = strings.TrimSpace(string(text))
	}
	if strings.ContainsFunc(token, unicode.IsControl) {
		return "", errors.New(variable + ": the token has a line break or another control character")
	}
	return token, nil
}

// parse returns the credentials in an answer, or the reason why it has none. Errors of
// encoding/json and time are dropped: they quote the answer.
func parse(body []byte) (c Credentials, reason string) {
	var answer struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string
		Expiration      string // absent if they never expire
	}
	if json.Unmarshal(body, &answer) != nil {
		return c, "the answer is not a JSON object with AccessKeyId, SecretAccessKey, Token and Expiration"
	}
	if answer.AccessKeyID == "" || answer.SecretAccessKey == "" {
		return c, "the answer has no AccessKeyId or no SecretAccessKey"
	}
	if strings.ContainsFunc(answer.AccessKeyID+answer.SecretAccessKey+answer.Token, unicode.IsControl) {
		return c, "the answer has keys with control characters, which cannot be in an environment variable"
	}
	var expires time.Time
	if answer.Expiration != "" {
		var err error
		if expires, err = time.Parse(time.RFC3339, answer.Expiration); err != nil {
			return c, "the answer has an Expiration that is not a time in the format of RFC 3339"
		}
	}
	return newCredentials(answer.AccessKeyID, answer.SecretAccessKey, answer.Token, expires), ""
}
