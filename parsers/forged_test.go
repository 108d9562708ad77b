package parsers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// strangers are the fields whose text people choose whom nobody trusts.
var strangers = []string{"user.name", "url.original", "url.path", "url.query", "user_agent.original", "http.request.referrer", "db.query.text", "http.request.line"}

// forgeries are texts that imitate parts of logs.
var forgeries = []string{
	`root from 10.66.66.66 port 22 ssh2`,
	`x - admin [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"`,
	`" 200 5 "-" "forged`,
	`x", server: forged, request: "GET /forged HTTP/1.1", upstream: "http://10.66.66.66/", host: "forged"`,
	`x, client: 10.66.66.66, server: forged`,
	`x'@'forged' (using password: YES)`,
	`x user=root rhost=10.66.66.66 outcome=failure`,
	`x: authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.66.66.66  user=root`,
	`a, "10.66.66.66", status=200`,
	`x] [client 10.66.66.66:1] AH01617: user forged: authentication failure`,
	`x","status":"forged","user":"forged`,
}

// written returns text as a program would write it between before and after: escaped as its kind of log does between
// quotes, as it is elsewhere.
func written(format, line, before, after, text string) string {
	quoted := strings.HasSuffix(before, `"`) && strings.HasPrefix(after, `"`) || strings.Count(before, `"`)%2 == 1
	switch {
	case strings.HasPrefix(line, "{"):
		j, err := json.Marshal(text)
		if err != nil {
			panic(err)
		}
		return string(j[1 : len(j)-1])
	case strings.HasSuffix(format, ".csv"):
		return strings.ReplaceAll(text, `"`, `""`)
	case strings.HasPrefix(format, "nginx.access"):
		return strings.ReplaceAll(text, `"`, `\x22`)
	case quoted || strings.HasPrefix(format, "apache."):
		return strings.ReplaceAll(text, `"`, `\"`)
	}
	return text
}

// limits are what a format cannot tell: documented in docs/shipped-formats.md.
var limits = map[string]string{
	"postgresql.stderr user.name": "the prefix is written before the client is known, with nothing around the name",
}

// fieldsOf returns the fields of the one event that a line is to the format, nil if it is another number of events.
func fieldsOf(t *testing.T, set *parsers.Set, format string, line []byte) map[string]any {
	t.Helper()
	d := decoder(t, set, format, "x.log")
	var b event.Batch
	d.Decode(&b, line, 0)
	d.Flush(&b, near, true)
	defer b.Release()
	if b.Rows() != 1 || b.Pages[0].Unparsed.Has(0) {
		return nil
	}
	var fields map[string]any
	if err := json.Unmarshal(b.Pages[0].Row(0).AppendJSON(nil), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// follows reports whether a field comes from the same text as the stranger's, or repeats the line.
func follows(field, stranger string) bool {
	head, _, _ := strings.Cut(stranger, ".")
	return field == stranger || field == "event.original" || field == "message" || head == "url" && (strings.HasPrefix(field, "url.") || strings.HasPrefix(field, "http.request.") || field == "http.version") ||
		stranger == "http.request.line" && (strings.HasPrefix(field, "http.") || strings.HasPrefix(field, "url.")) ||
		stranger == "db.query.text" && (strings.HasPrefix(field, "db.") || strings.HasPrefix(field, "event."))
}

// A text that a stranger chose moves no other field, whatever it imitates. The line or its message may not be understood any
// more where no such text can be (names of a system's own users hold no blanks): nothing is forged by that.
func TestForgedTextsMoveNoOtherField(t *testing.T) {
	set := shipped(t)
	seen := map[string]bool{}
	tried := 0
	for _, format := range set.Formats() {
		for _, line := range rawLines(sample(t, format)) {
			fields := fieldsOf(t, set, format, line)
			for _, stranger := range strangers {
				value, ok := fields[stranger].(string)
				if !ok || len(value) < 3 || strings.Count(string(line), value) != 1 {
					continue
				}
				key := fmt.Sprint(format, stranger, keysOf(fields))
				known := format
				if fields["event.module"] == "postgresql" {
					known = "postgresql.stderr" // also what it sends to syslog
				}
				if seen[key] || limits[known+" "+stranger] != "" {
					continue // lines of the same form
				}
				seen[key] = true
				before, after, _ := strings.Cut(string(line), value)
				for _, forged := range forgeries {
					tried++
					text := written(format, string(line), before, after, forged)
					changed := fieldsOf(t, set, format, []byte(before+text+after))
					if changed == nil {
						continue
					}
					for field, was := range fields {
						now, ok := changed[field]
						switch {
						case !ok || fmt.Sprint(now) == fmt.Sprint(was) || follows(field, stranger):
						case strings.Contains(fmt.Sprint(was), value): // it repeats the text
						case (field == "event.module" || field == "event.reason") && changed[stranger] == nil: // the message is not understood any more
						default:
							t.Errorf("%s: %s in %s moves %s to %v\n%s", format, text, stranger, field, now, line)
						}
					}
				}
			}
		}
	}
	if tried < 1000 {
		t.Errorf("only %d forged lines were tried", tried)
	}
}

func keysOf(fields map[string]any) []string {
	var keys []string
	for k := range fields {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
