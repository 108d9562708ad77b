package console

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// links makes the addresses of pages within one site. The address is the state of a page: nothing else is kept.
type links struct{ site string }

// to returns path with the given parameters; pairs with an empty value are left out.
func (l links) to(path string, pairs ...string) string {
	v := url.Values{}
	if l.site != "" {
		v.Set("site", l.site)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

func (l links) finding(id string) string { return l.to("/findings/" + url.PathEscape(id)) }

// search returns the search for q between two times in µs; zero times are the page's own default.
func (l links) search(q string, from, to int64) string {
	return l.to("/search", "q", q, "from", moment(from), "to", moment(to))
}

// moment writes a time in µs as addresses have it; 0 is "".
func moment(us int64) string {
	if us == 0 {
		return ""
	}
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999Z")
}

// is writes the query that field has value.
func is(field, value string) string {
	return field + ":" + quote(value)
}

// quote writes a value as the query language takes it: bare where it holds no sign of the language.
func quote(v string) string {
	bare := v != ""
	for _, r := range v {
		if !(r == '.' || r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			bare = false
		}
	}
	switch strings.ToLower(v) {
	case "and", "or", "not":
		bare = false
	}
	if bare && v[0] != '-' {
		return v
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}

// orWord finds an or that may need parentheses; one too many does no harm.
var orWord = regexp.MustCompile(`(?i)(^|[^\w.])or([^\w.]|$)`)

// both joins two queries so that both must hold.
func both(a, b string) string {
	switch {
	case strings.TrimSpace(a) == "":
		return b
	case orWord.MatchString(a):
		return "(" + a + ") and " + b
	}
	return a + " and " + b
}

// groupQuery writes the query for the events of a finding's group, "" where there is none to ask for. A group may
// name alternatives (source.ip|source.address): those that can have the value are asked for. A group made of
// several fields has no query of its own.
func (s *server) groupQuery(group []event.GroupValue, now time.Time) string {
	all := ""
	for _, g := range group {
		if g.Value == "-" || g.Value == "" {
			continue
		}
		var any []string
		for name := range strings.SplitSeq(g.Field, "|") {
			q := is(name, g.Value)
			if _, err := query.Parse(q, s.Schema, now); err == nil && fieldName(name) {
				any = append(any, q)
			}
		}
		if len(any) == 0 {
			continue
		}
		one := strings.Join(any, " or ")
		if len(any) > 1 {
			one = "(" + one + ")"
		}
		all = both(all, one)
	}
	return all
}

// fieldName reports whether s looks like the name of a field.
func fieldName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r == '.' || r == '_' || r == '@' && s[0] == '@' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
}
