package suggest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saypro/veritail/parsers/stamp"
)

// toml writes the format file.
func (s *suggester) toml(lines [][]byte) string {
	switch {
	case s.json*2 > len(lines):
		return s.jsonTOML(lines)
	case s.pairs*2 > len(lines):
		return s.pairsTOML()
	}
	var b strings.Builder
	b.WriteString(s.header() + "null    = [\"-\"]\n")
	for _, g := range s.groups {
		fmt.Fprintf(&b, "\n# %d lines like: %s\n[[pattern]]\ngrok = '''%s'''\n", len(g.lines), comment(cutBytes(g.first, 200)), s.pattern(g))
	}
	b.WriteString(timeTable(s.layouts()))
	if s.continued || s.rest {
		b.WriteString("\n# lines that belong to the line before\n[join]\n")
	}
	if s.continued {
		b.WriteString("continue = ['[ \\t]']\n")
	}
	if s.rest {
		b.WriteString("rest     = true\n")
	}
	if table := levelTable(s.levels); table != "" {
		fmt.Fprintf(&b, "\n[[lookup]]\nfrom  = \"log.level\"\nto    = \"log.level\"\ntable = { %s }\n", table)
	}
	return b.String()
}

// header writes the keys that every format has. The rank is before that of formats which many programs' lines fit, and
// behind that of precise ones.
func (s *suggester) header() string {
	return fmt.Sprintf("title   = %q\ndataset = %q\nrank    = 55\n", strings.ReplaceAll(s.name, ".", " "), s.name)
}

// timeTable writes the table [time] for layouts in quotes, nothing without any.
func timeTable(layouts []string) string {
	if len(layouts) == 0 {
		return ""
	}
	return fmt.Sprintf("\n[time]\nfrom    = \"_time\"\nlayouts = [%s]\n", strings.Join(layouts, ", "))
}

// layouts returns the layouts that were met, in quotes.
func (s *suggester) layouts() []string {
	var out []string
	for _, l := range s.met() {
		out = append(out, fmt.Sprintf("%q", l))
	}
	return out
}

// met returns the layouts that were met, in the order in which they have to be tried.
func (s *suggester) met() []string {
	return slices.DeleteFunc(slices.Clone(stamp.Usual), func(l string) bool { return !s.stamps[l] })
}

// levelNames are the levels that Veritail's formats use, by what programs write.
var levelNames = map[string]string{
	"trace": "trace", "finest": "trace", "finer": "trace", "debug": "debug", "dbg": "debug", "fine": "debug", "verbose": "debug", "config": "debug",
	"info": "info", "inf": "info", "information": "info", "notice": "notice", "warn": "warning", "wrn": "warning", "warning": "warning", "error": "error",
	"err": "error", "severe": "error", "fatal": "fatal", "ftl": "fatal", "critical": "critical", "crit": "critical", "alert": "alert", "emerg": "emergency", "panic": "panic",
}

// levelTable writes the table that translates levels to those that Veritail's formats use.
func levelTable(levels map[string]bool) string {
	var rows []string
	for _, text := range slices.Sorted(maps.Keys(levels)) {
		if to := levelNames[strings.ToLower(text)]; to != text && to != "" {
			rows = append(rows, fmt.Sprintf("%q = %q", text, to))
		}
	}
	return strings.Join(rows, ", ")
}

// cutBytes cuts a text after n bytes.
func cutBytes(text string, n int) string {
	if len(text) > n {
		return strings.ToValidUTF8(text[:n], "") + "…"
	}
	return strings.ToValidUTF8(text, ".")
}
