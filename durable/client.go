package durable

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// PathExecutions is where the API has the executions.
const PathExecutions = "/2025-12-01/durable-executions/"

// maxReply bounds what is read of a reply, in bytes. A page of state has at most 5 MB.
const maxReply = 32 << 20

// pageSize is the largest number of operations of a page.
const pageSize = 1000

// A Client calls the API of durable executions. It is safe for concurrent use.
type Client struct {
	endpoint string
	region   string
	getenv   func(string) string // nil: requests are not signed
	http     *http.Client
	signer   *v4.Signer
}

// NewClient returns a client for the endpoint of Lambda in the region that the environment has.
// Credentials are looked up for each request, because they may be renewed.
func NewClient(getenv func(string) string) *Client {
	region := cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"), "us-east-1")
	domain := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain += ".cn"
	}
	return &Client{
		endpoint: cmp.Or(getenv("AWS_ENDPOINT_URL_LAMBDA"), getenv("AWS_ENDPOINT_URL"), "https://lambda."+region+"."+domain),
		region:   region,
		getenv:   getenv,
		http:     &http.Client{Transport: http.DefaultTransport},
		signer:   v4.NewSigner(),
	}
}

// NewLocalClient returns a client for a backend that expects no signatures.
func NewLocalClient(endpoint string) *Client {
	return &Client{endpoint: endpoint, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
}

// An APIError is an answer of the API that is not a success.
type APIError struct {
	Call    string // "checkpoint" or "state"
	Status  int
	Code    string
	Message string
}

func (e *APIError) Error() string {
	text := fmt.Sprintf("the %s of the durable execution was refused: status %d", e.Call, e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Status == http.StatusForbidden {
		text += " (the function's role needs lambda:CheckpointDurableExecution and lambda:GetDurableExecutionState, " +
			"as in the policy AWSLambdaBasicDurableExecutionRolePolicy)"
	}
	return text
}

// Temporary reports whether the same request may succeed later.
func (e *APIError) Temporary() bool {
	if strings.HasPrefix(e.Code, "KMS") { // they come as 502, and do not pass
		return false
	}
	return e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// StaleToken reports whether another invocation has used the token, or the state has changed.
func (e *APIError) StaleToken() bool {
	return e.Code == "InvalidParameterValueException" &&
		strings.HasPrefix(strings.ToLower(e.Message), "invalid checkpoint token")
}

// checkpoint stores updates.
func (c *Client) checkpoint(ctx context.Context, arn string, r CheckpointRequest) (reply CheckpointReply, err error) {
	if r.Updates == nil {
		r.Updates = []Update{}
	}
	body, err := json.Marshal(r)
	if err != nil {
		return reply, fmt.Errorf("encode checkpoint: %w", err)
	}
	err = c.call(ctx, "checkpoint", http.MethodPost, arn, "/checkpoint", nil, body, &reply)
	return reply, err
}

// state returns a page of the state.
func (c *Client) state(ctx context.Context, arn, token, marker string) (page State, err error) {
	query := url.Values{"CheckpointToken": {token}, "Marker": {marker}, "MaxItems": {fmt.Sprint(pageSize)}}
	err = c.call(ctx, "state", http.MethodGet, arn, "/state", query, nil, &page)
	return page, err
}

func (c *Client) call(ctx context.Context, name, method, arn, path string, query url.Values, body []byte, reply any) error {
	target := c.endpoint + PathExecutions + url.QueryEscape(arn) + path
	if query != nil {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s of the durable execution: %w", name, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := c.sign(ctx, req, body); err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s of the durable execution: %w", name, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return fmt.Errorf("%s of the durable execution: read reply: %w", name, err)
	}
	if resp.StatusCode != http.StatusOK {
		return apiError(name, resp, text)
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return fmt.Errorf("%s of the durable execution: read reply: %w", name, err)
	}
	return nil
}

// errNoCredentials is final: the environment of a function does not change.
var errNoCredentials = errors.New("no AWS credentials: the environment has no AWS_ACCESS_KEY_ID")

func (c *Client) sign(ctx context.Context, req *http.Request, body []byte) error {
	if c.signer == nil {
		return nil
	}
	keys := aws.Credentials{
		AccessKeyID:     c.getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: c.getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    c.getenv("AWS_SESSION_TOKEN"),
	}
	if keys.AccessKeyID == "" {
		return errNoCredentials
	}
	hash := sha256.Sum256(body)
	return c.signer.SignHTTP(ctx, keys, req, hex.EncodeToString(hash[:]), "lambda", c.region, time.Now())
}

func apiError(call string, resp *http.Response, text []byte) error {
	e := &APIError{Call: call, Status: resp.StatusCode, Code: resp.Header.Get("X-Amzn-Errortype")}
	var body struct {
		Type         string `json:"__type"`
		Message      string `json:"message"`
		MessageUpper string `json:"Message"`
	}
	_ = json.Unmarshal(text, &body) // a proxy's page has neither
	e.Code, _, _ = strings.Cut(cmp.Or(e.Code, body.Type), ":")
	if _, after, ok := strings.Cut(e.Code, "#"); ok {
		e.Code = after
	}
	e.Message = cmp.Or(body.Message, body.MessageUpper)
	return e
}
