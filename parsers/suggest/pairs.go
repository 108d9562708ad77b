package suggest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saypro/veritail/parsers/stamp"
)

// manyPairs is from how many on the key=value parts of a line are read as named members rather than by a pattern, so that
// their order does not matter.
const manyPairs = 3

// count notes whether a line is key=value, perhaps behind a stamp.
func (s *suggester) count(parts []linePart) {
	from := 0
	if len(parts) > 0 && parts[0].kind == partStamp {
		from = 1
	}
	n := 0
	for _, p := range parts[from:] {
		if p.kind == partPair {
			n++
		}
	}
	if n < manyPairs || n < len(parts)-from-n {
		return
	}
	s.pairs++
	if from == 1 {
		s.stamps[parts[0].layout] = true
	}
	for _, p := range parts[from:] {
		if m := pairPart.FindStringSubmatch(p.text); m != nil && len(s.keys) < 200 {
			s.keys[m[1]] = m[2]
		}
	}
}

// A mapping is a row of the table [members.map].
type mapping struct{ field, key string }

// pairsTOML writes a format for lines of key=value.
func (s *suggester) pairsTOML() string {
	var b strings.Builder
	b.WriteString(s.header())
	stamped := len(s.stamps) > 0 // a stamp stands before the pairs; else one of them may be the time
	if stamped {
		fmt.Fprintf(&b, "\n[[pattern]]\ngrok = '''%s\\s+(?<_rest>.*)'''\n", s.anyStamp())
	}
	b.WriteString("\n[members]\nkind   = \"kv\"\n")
	if stamped {
		b.WriteString("from   = \"_rest\"\n")
	}
	b.WriteString("prefix = \"app.\" # before the names of members that are not in the map\n")
	rows := s.mappings(stamped)
	if !stamped { // any line with an equals sign holds a pair: these tell the log's own
		var names []string
		for _, row := range rows {
			name, _, _ := strings.Cut(row.field, ":")
			names = append(names, fmt.Sprintf("%q", name))
		}
		fmt.Fprintf(&b, "require = [%s]\n", strings.Join(names, ", "))
	}
	b.WriteString("\n[members.map]\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "%q = [%q]\n", row.field, row.key)
	}
	b.WriteString(timeTable(s.layouts()))
	return b.String()
}

// mappings returns the keys whose meaning is clear with their fields, all keys if it is clear of none. Of several keys of
// one field the first counts.
func (s *suggester) mappings(stamped bool) []mapping {
	var rows []mapping
	used := map[string]bool{}
	add := func(field, key string) {
		if !used[field] {
			used[field] = true
			rows = append(rows, mapping{field, key})
		}
	}
	keys := slices.Sorted(maps.Keys(s.keys))
	for _, key := range keys {
		if layout, ok := stampValue(s.keys[key]); ok && !stamped && !used["_time"] {
			add("_time", key)
			s.stamps[layout] = true
		} else if field := pairNames[strings.ToLower(key)]; field != "" {
			add(field, key)
		}
	}
	if len(rows) == 0 {
		for _, key := range keys {
			add("app."+strings.ToLower(key), key)
		}
	}
	return rows
}

// anyStamp writes a capture of any of the stamps that were met, with brackets around it or without.
func (s *suggester) anyStamp() string {
	var exprs []string
	for _, layout := range s.met() {
		exprs = append(exprs, stamp.Expr(layout))
	}
	return `[\[(<]?(?<_time>` + strings.Join(exprs, "|") + `)[\])>]?`
}

// stampValue returns the layout of a value that is a stamp.
func stampValue(value string) (layout string, ok bool) {
	text := strings.Trim(value, `"`)
	n, layout := stamp.Find([]byte(text))
	return layout, n > 0 && n == len(text)
}

// pairNames are the fields of keys whose meaning is clear.
var pairNames = map[string]string{
	"user": "user.name", "username": "user.name", "ip": "source.address", "src": "source.address", "client": "source.address", "remote_addr": "source.address",
	"dst": "destination.address", "level": "log.level", "lvl": "log.level", "severity": "log.level", "method": "http.request.method", "path": "url.path",
	"url": "url.original", "uri": "url.original", "msg": "message", "message": "message", "pid": "process.pid:int",
}
