package parsers_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestJSONMembersBecomeFields(t *testing.T) {
	for _, tc := range []struct {
		name, line string
		want, not  []string
	}{
		{"nested members are dotted", `{"ts":1763978400,"msg":"x","http":{"request":{"method":"GET"},"deep":{"er":1}}}`, []string{`"http.request.method":"GET"`, `"http.deep.er":1`}, nil},
		{"dotted keys, too", `{"ts":1763978400,"msg":"x","http.request.method":"GET"}`, []string{`"http.request.method":"GET"`}, nil},
		{"seconds as a number", `{"ts":1763978400.123456,"msg":"x"}`, []string{`"@timestamp":"2025-11-24T10:00:00.123456Z"`}, nil},
		{"seconds as text", `{"ts":"1763978400","msg":"x"}`, []string{`"@timestamp":"2025-11-24T10:00:00.000000Z"`}, nil},
		{"milliseconds, as pino writes", `{"time":1763978400123,"msg":"x"}`, []string{`"@timestamp":"2025-11-24T10:00:00.123000Z"`}, nil},
		{"a number that is no time", `{"ts":-1e300,"msg":"x"}`, []string{`"@timestamp":"2026-11-26T12:00:00.000000Z"`}, nil},
		{"a field gets a number as its kind has it", `{"msg":"x","status":"404","pid":7.5,"event.duration":1500}`, []string{`"http.response.status_code":404`, `"pid":7.5`, `"event.duration":1500`}, []string{`"process.pid"`}},
		{"what does not fit a field is kept beside it", `{"msg":"x","process.pid":"abc"}`, []string{`"process.pid":"abc"`}, nil},
		{"an address, and what is none", `{"msg":"x","client_ip":"10.0.0.7","ip":"later"}`, []string{`"source.ip":"10.0.0.7"`, `"ip":"later"`}, nil},
		{"a host name as address", `{"msg":"x","client_ip":"web1"}`, []string{`"source.address":"web1"`}, []string{`"source.ip"`}},
		{"the first key that is there wins, the others stay", `{"msg":"b","message":"a"}`, []string{`"message":"a"`, `"msg":"b"`}, nil},
		{"of a key that stands twice, the last", `{"msg":"a","msg":"b"}`, []string{`"message":"b"`}, []string{`"message":"a"`, `"msg"`}},
		{"dotted and nested are one key", `{"msg":"x","a":{"b":1},"a.b":2}`, []string{`"a.b":2`}, []string{`"a.b":1`}},
		{"levels of one meaning have one name", `{"msg":"x","level":50}`, []string{`"log.level":"error"`}, nil},
		{"other levels stay as they are", `{"msg":"x","level":"verbose"}`, []string{`"log.level":"verbose"`}, nil},
		{"arrays stay arrays", `{"msg":"x","tags":["a", {"b":[1]}]}`, []string{`"tags":["a",{"b":[1]}]`}, nil},
		{"an array of one value is that value to a field, as ECS has its categories", `{"msg":"x","event":{"category":["authentication"],"outcome":"failure"},"source.ip":["10.0.0.7"],"tags":["a"]}`, []string{`"event.category":"authentication"`, `"source.ip":"10.0.0.7"`, `"tags":["a"]`}, nil},
		{"null is no value", `{"msg":"x","user":null}`, nil, []string{`"user`}},
		{"an empty text is none", `{"msg":"x","user":""}`, nil, []string{`"user`}},
		{"a text with escapes", `{"msg":"a\u0000\n\"\ud83d\ude00"}`, []string{`"message":"a\u0000\u000a\"😀"`}, nil},
		{"half a surrogate", `{"msg":"a\ud83d"}`, []string{"\"message\":\"a\ufffd\""}, nil},
		{"Caddy", `{"ts":1646861401.5,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"10.0.0.7","method":"GET","host":"shop","uri":"/p","headers":{"User-Agent":["curl/7.82.0"],"Accept":["*/*"]}},"status":200}`, []string{`"user_agent.original":"curl/7.82.0"`, `"source.ip":"10.0.0.7"`, `"url.original":"/p"`, `"url.domain":"shop"`}, nil},
		{"Kubernetes' audit log", `{"kind":"Event","level":"Metadata","stage":"ResponseComplete","requestURI":"/api/v1/pods","user":{"username":"bob"},"sourceIPs":["10.0.0.7"],"responseStatus":{"code":403},"requestReceivedTimestamp":"2026-11-24T10:00:00.123456Z"}`, []string{`"@timestamp":"2026-11-24T10:00:00.123456Z"`, `"user.name":"bob"`, `"source.ip":"10.0.0.7"`, `"http.response.status_code":403`, `"url.original":"/api/v1/pods"`}, nil},
		{"CloudTrail", `{"eventTime":"2026-11-24T10:00:00Z","eventName":"ConsoleLogin","sourceIPAddress":"10.0.0.7","userIdentity":{"userName":"bob"}}`, []string{`"@timestamp":"2026-11-24T10:00:00.000000Z"`, `"user.name":"bob"`, `"source.ip":"10.0.0.7"`}, nil},
		{"Elasticsearch", `{"type":"audit","timestamp":"2026-11-24T10:00:00,102+0100","event.action":"anonymous_access_denied","origin.address":"10.0.0.7:40380","component":"o.e.x","took_millis":"9"}`, []string{`"@timestamp":"2026-11-24T09:00:00.102000Z"`, `"source.ip":"10.0.0.7"`, `"source.port":40380`, `"log.logger":"o.e.x"`, `"event.duration":9000000`}, nil},
		{"blanks around the object", "  {\"msg\":\"x\"} ", []string{`"message":"x"`}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, "json", "x.log", tc.line+"\n")
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			fields := string(sorted([]byte(got[0])))
			fields = strings.Replace(fields, `"event.original":`+original(got[0]), "", 1)
			has(t, fields, tc.want...)
			for _, not := range tc.not {
				if strings.Contains(fields, not) {
					t.Errorf("%s in %s", not, fields)
				}
			}
		})
	}
}

// original returns the text of event.original as it stands in the event.
func original(e string) string {
	_, rest, _ := strings.Cut(e, `"event.original":`)
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			return rest[:i+1]
		}
	}
	return rest
}

func TestAnApplicationCannotForgeWhereItsEventsComeFrom(t *testing.T) {
	line := `{"msg":"x","log.file.path":"/var/log/auth.log","log":{"offset":7},"event.original":"y","event.dataset":"sshd","event.module":"sshd",` +
		`"veritail.unparsed":true,"veritail.repeat":99,"veritail.cut":true,"time":"2026-11-24T10:00:00Z","veritail.site":"z"}`
	got := events(t, "json", "app.log", line+"\n")
	for _, once := range []string{`"log.file.path":"app.log"`, `"log.offset":0`, `"event.dataset":"app"`, `"event.module":"app"`, `"labels.veritail.repeat":99`, `"labels.log.file.path":"/var/log/auth.log"`} {
		has(t, got[0], once)
	}
	without := strings.Replace(got[0], original(got[0]), "", 1)
	for _, not := range []string{`,"veritail.repeat"`, `,"veritail.unparsed"`, `,"veritail.cut"`, `,"event.original":"y"`, `,"log.offset":7`} {
		if strings.Contains(without, not) {
			t.Errorf("%s in %s", not, got[0])
		}
	}
}

func TestWhatIsNoLogObjectIsUnparsed(t *testing.T) {
	var wide strings.Builder
	wide.WriteString(`{"msg":"x"`)
	for i := range 600 {
		fmt.Fprintf(&wide, `,"k%d":%d`, i, i)
	}
	wide.WriteString("}")
	for name, line := range map[string]string{
		"an array":                        `[{"msg":"x"}]`,
		"a text":                          `"msg"`,
		"a number":                        `7`,
		"half an object":                  `{"msg":"x"`,
		"two objects":                     `{"msg":"x"}{"msg":"y"}`,
		"an object with text behind":      `{"msg":"x"} y`,
		"an object without time and text": `{"a":1}`,
		"an empty object":                 `{}`,
		"more members than are sensible":  wide.String(),
		"deeper than the decoder goes":    `{"msg":"x","a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			has(t, events(t, "json", "x.log", line+"\n")[0], `"veritail.unparsed":true`)
		})
	}
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	got := events(t, "json", "x.log", `{"msg":"x","d":`+deep+"}\n")
	has(t, got[0], `"message":"x"`, `"d.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a":{"a":`)
}
