package parsers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

// pairsTOML writes a format for lines of key=value.
func (s *suggester) pairsTOML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "title   = %q\ndataset = %q\nrank    = 55\n", strings.ReplaceAll(s.name, ".", " "), s.name)
	layouts := s.layouts()
	if len(layouts) > 0 {
		fmt.Fprintf(&b, "\n[[pattern]]\ngrok = '''%s\\s+(?<_rest>.*)'''\n", s.anyStamp())
	}
	b.WriteString("\n[members]\nkind   = \"kv\"\n")
	if len(layouts) > 0 {
		b.WriteString("from   = \"_rest\"\n")
	}
	b.WriteString("prefix = \"app.\" # before the names of members that are not in the map\n")
	var mapped, times, fields []string
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		if which, ok := stampValue(s.keys[key]); ok && len(layouts) == 0 && len(times) == 0 {
			times = append(times, key)
			mapped = append(mapped, fmt.Sprintf("\"_time\" = [%q]", key))
			s.stamps[which] = true
		} else if field := pairNames[strings.ToLower(key)]; field != "" {
			mapped = append(mapped, fmt.Sprintf("%q = [%q]", field, key))
		}
	}
	if len(mapped) == 0 {
		for _, key := range slices.Sorted(maps.Keys(s.keys)) {
			mapped = append(mapped, fmt.Sprintf("%q = [%q]", "app."+strings.ToLower(key), key))
		}
	}
	mapped = dropTwice(mapped)
	if len(layouts) == 0 {
		for _, row := range mapped {
			field, _, _ := strings.Cut(row, " =")
			name, _, typed := strings.Cut(field, ":")
			if typed {
				name += "\""
			}
			fields = append(fields, name)
		}
		fmt.Fprintf(&b, "require = [%s]\n", strings.Join(fields, ", "))
	}
	if len(mapped) > 0 {
		fmt.Fprintf(&b, "\n[members.map]\n%s\n", strings.Join(mapped, "\n"))
	}
	if layouts = s.layouts(); len(layouts) > 0 {
		fmt.Fprintf(&b, "\n[time]\nfrom    = \"_time\"\nlayouts = [%s]\n", strings.Join(layouts, ", "))
	}
	return b.String()
}

// dropTwice leaves out assignments to a field that has one already.
func dropTwice(rows []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(rows, func(row string) bool {
		field, _, _ := strings.Cut(row, " =")
		twice := seen[field]
		seen[field] = true
		return twice
	})
}

// anyStamp writes a capture of any of the stamps that were met.
func (s *suggester) anyStamp() string {
	var exprs []string
	for _, i := range slices.Sorted(maps.Keys(s.stamps)) {
		exprs = append(exprs, s.stampExpr(i))
	}
	return `[\[(<]?(?<_time>` + strings.Join(exprs, "|") + `)[\])>]?`
}

// layouts returns the layouts that were met, in quotes.
func (s *suggester) layouts() []string {
	var out []string
	for _, i := range slices.Sorted(maps.Keys(s.stamps)) {
		switch i {
		case -1:
			out = append(out, `"unix"`)
		case -2:
			out = append(out, `"unix_ms"`)
		default:
			out = append(out, fmt.Sprintf("%q", stampLayouts[i]))
		}
	}
	return out
}
