package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// restRequest returns an event of API Gateway's REST API, and httpRequest one of its HTTP API.
func restRequest(query, body string) string {
	return fmt.Sprintf(`{"resource": "/x", "path": "/x", "httpMethod": "POST", "headers": {"Content-Type": "application/json"},
		"queryStringParameters": %s, "multiValueQueryStringParameters": null, "pathParameters": null,
		"requestContext": {"stage": "test", "httpMethod": "POST", "path": "/test/x"}, "body": %s, "isBase64Encoded": false}`, query, body)
}

func httpRequest(rawQuery, query, contentType, base64 string) string {
	return fmt.Sprintf(`{"version": "2.0", "routeKey": "ANY /x", "rawPath": "/x", "rawQueryString": %q, "queryStringParameters": %s,
		"headers": {"content-type": %q}, "requestContext": {"domainName": "a.execute-api.eu-west-1.amazonaws.com",
		"http": {"method": "POST", "path": "/x"}, "routeKey": "ANY /x"}, "body": %q, "isBase64Encoded": true}`,
		rawQuery, query, contentType, base64)
}

const (
	scheduledEvent = `{"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}, "resources": []}`
	backupEvent    = `{"version": "0", "detail-type": "Backup", "source": "aws.rds", "detail": {"kind": "full", "rows": 5}, "resources": []}`
	alarmEvent     = `{"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0",
		"Sns": {"Type": "Notification", "Message": "{\"AlarmName\":\"cpu\",\"State\":\"ALARM\"}"}}]}`
	textEvent = `{"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Type": "Notification", "Message": "/etc/passwd"}}]}`
)

// Scripts for the lambdr package, in testdata/lambdr, run unchanged. For an HTTP source, a want is
// about the body.
func TestLambdrScripts(t *testing.T) {
	form := "application/x-www-form-urlencoded"
	compat := []string{"LAMBDA_R_COMPAT=lambdr"}
	for _, script := range []struct {
		name, handler string
		env           []string
		wants         [][2]string // an event, and a part of the answer
	}{
		{"by the function's name alone", "parity", nil, [][2]string{
			{`{"number": 5}`, `{"parity":"odd"}`},
			{restRequest(`null`, `"{\"number\":9}"`), `"body":"{\"parity\":\"odd\"}"`},
			{restRequest(`{"number": "8"}`, `null`), `"body":"{\"parity\":\"even\"}"`},
			{httpRequest("", "null", form, "eyJudW1iZXIiOjd9"), `"body":"{\"parity\":\"odd\"}"`},
		}},
		{"the same with compatibility", "parity", compat, [][2]string{
			{`{"num": 6}`, `{"parity":"even"}`},
			{`{"event": 6}`, `unused argument`},
			{restRequest(`{"number": "8"}`, `null`), `"body":"{\"parity\":\"even\"}"`},
			{httpRequest("", "null", form, "eyJudW1iZXIiOjd9"), `"body":"{\"parity\":\"odd\"}"`},
			{restRequest(`null`, `"/etc/passwd"`), `"statusCode":400`},
		}},
		{"attached, with a context", "attached.spread", []string{"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/spread"}, [][2]string{
			{`{"values": [4, 7.5]}`, `{"spread":3.5,"id":"`},
			{`{"values": [4, 7.5]}`, `"log":"/aws/lambda/spread"`},
		}},
		{"with its own format", "words.count", nil, [][2]string{
			{`one two three`, `3 words of 11 letters`},
			{`{"a": 1}`, `2 words of 7 letters`},
		}},
		{"pages", "pages.page", nil, [][2]string{
			{restRequest(`{"name": "home"}`, `null`), `{"body":"<h1>Home<\/h1>","isBase64Encoded":false,"statusCode":200,"headers":{"Cache-Control":"no-store","Content-Type":"text/html"}}`},
			{`{"name": "home"}`, `{"body":"<h1>Home<\/h1>","isBase64Encoded":false,"statusCode":200`},
			{httpRequest("name=data", `{"name": "data"}`, form, ""), `{"body":"{\"rows\":[1,2]}","isBase64Encoded":false,"statusCode":202}`},
			{restRequest(`{"name": "none"}`, `null`), `{"statusCode":404,"headers":{"Content-Type":"text/plain; charset=utf-8","x-amzn-ErrorType":"html_error"},"body":"there is no page none"`},
			{restRequest(`{"name": "secret"}`, `null`), `Internal server error`},
			{`{"name": "none"}`, `"errorType":"html_error"`},
		}},
		{"pages with compatibility", "pages.page", compat, [][2]string{
			{restRequest(`{"name": "none"}`, `null`), `"statusCode":404`},
			{restRequest(`{"name": "secret"}`, `null`), `Internal server error`},
		}},
		{"a body that stays base64", "images.size", nil, [][2]string{
			{httpRequest("", "null", "image/jpeg", "/9j/4A=="), `"body":"{\"bytes\":4,\"text\":\"yes\"}"`},
		}},
		{"the same with compatibility", "images.size", compat, [][2]string{
			{httpRequest("", "null", "image/jpeg", "/9j/4A=="), `"body":"{\"bytes\":4,\"text\":\"yes\"}"`},
		}},
		{"events", "alarms.keys", compat, [][2]string{
			{backupEvent, `{"keys":["kind","rows"],"first":"full"}`},
			{scheduledEvent, `{"keys":null,"first":"nothing"}`},
			{alarmEvent, `{"keys":["AlarmName","State"],"first":"cpu"}`},
			{textEvent, `{"keys":null,"first":"/etc/passwd"}`},
			{httpRequest("tag=a&tag=b", `{"tag": "a,b"}`, form, ""), `{\"keys\":\"tag\",\"first\":\"a\"}`},
		}},
		{"EventBridge without compatibility", "alarms.keys", nil, [][2]string{
			{backupEvent, `{"keys":["kind","rows"],"first":"full"}`},
			{scheduledEvent, `{"keys":null,"first":"nothing"}`},
		}},
		{"numbers", "alarms.third", nil, [][2]string{{`{"number": 1}`, `[0.333333333333333,null]`}}},
		{"numbers with compatibility", "alarms.third", compat, [][2]string{{`{"number": 1}`, `[0.3333,"NA"]`}}},
		{"scheduled, the event ignored", "nightly.job", nil, [][2]string{{scheduledEvent, `"done"`}}},
	} {
		t.Run(script.name, func(t *testing.T) {
			t.Parallel()
			rec := newRecorder(t, 10*time.Second, nil)
			_, f := startLambda(t, rec, "lambdr", script.handler, script.env...)
			for _, want := range script.wants {
				event, text := want[0], want[1]
				a := f.invoke(event)
				if !strings.Contains(a.Body, text) {
					t.Errorf("%s:\ngot  %s\nwant %s", event, a.Body, text)
				}
				if strings.Contains(event, "requestContext") && strings.Contains(a.Body, "password") {
					t.Errorf("the caller gets the error: %s", a.Body)
				}
			}
		})
	}
}
