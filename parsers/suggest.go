package parsers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
)

// A Suggestion is a format that was made up for lines.
type Suggestion struct {
	TOML     string // the format file
	Lines    int    // that it was made for
	Taken    int    // that it takes, continuation lines included
	Patterns int
	Left     []event.Shape     // of the lines that it does not take
	Events   []json.RawMessage // of the first lines, one for each pattern
}

// maxPatterns bounds the patterns of a proposal; what is rarer has to do with the last, which takes a stamp and a message.
const maxPatterns = 12

// Suggest makes up a format for lines that no format takes. name is what it will be called, from what the lines are of.
func (s *Set) Suggest(name, from string, lines [][]byte) (Suggestion, error) {
	sg := suggester{name: name, stamps: map[int]bool{}}
	sg.group(lines)
	if len(sg.groups) == 0 && sg.json == 0 {
		return Suggestion{}, fmt.Errorf("%s holds no lines to make a format for", from)
	}
	out := Suggestion{Lines: len(lines)}
	body := sg.toml(lines)
	set, err := s.withFormat(name, body)
	if err != nil {
		return out, fmt.Errorf("the proposal does not compile, which is a fault of Veritail: %w\n%s", err, body)
	}
	d, err := set.NewDecoder(event.Generation{Path: from, Format: name}, Options{})
	if err != nil {
		return out, err
	}
	var b event.Batch
	d.Decode(&b, append(bytes.Join(lines, []byte("\n")), '\n'), 0)
	d.Flush(&b, time.Now(), true)
	defer b.Release()
	out.Taken = int(d.mark.Lines.Parsed + d.mark.Lines.Ignored)
	out.Left = d.shapes.tell()
	out.Patterns = max(1, len(sg.groups))
	for _, pg := range b.Pages {
		for i := range pg.N {
			if !pg.Unparsed.Has(i) && len(out.Events) < maxPatterns {
				out.Events = append(out.Events, pg.Row(i).AppendJSON(nil))
			}
		}
	}
	out.TOML = fmt.Sprintf("# Proposed by veritail suggest from %s: it takes %d of %d lines.\n"+
		"# Fields called app.* wait for names of yours; take out what you do not need, and name title and dataset.\n", comment(from), out.Taken, out.Lines) + body
	return out, nil
}

// comment makes a text fit for a comment.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '.'
		}
		return r
	}, text)
}

// withFormat returns a set that holds one format, compiled as if it stood in a file.
func (s *Set) withFormat(name, text string) (*Set, error) {
	schema := event.NewSchema()
	for _, d := range s.Schema.Fields()[len(event.CoreFields()):] {
		if _, err := schema.Add(d.Name, d.Kind); err != nil {
			return nil, err
		}
	}
	set := &Set{Schema: schema, byName: map[string]*format{}, library: s.library, basis: s.basis, doubt: s.doubt}
	var ff formatFile
	if err := configs.Decode(oneFile{name + ".toml", text}, name+".toml", &ff); err != nil {
		return nil, err
	}
	f, err := set.compile(name, &ff)
	if err != nil {
		return nil, err
	}
	set.byName[name], set.lines = f, []*format{f}
	return set, nil
}

// oneFile is a file system of one file.
type oneFile struct{ name, text string }

// ReadFile implements fs.ReadFileFS.
func (f oneFile) ReadFile(string) ([]byte, error) { return []byte(f.text), nil }

// Open implements fs.FS; ReadFile is what is asked for.
func (f oneFile) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// A lineGroup is lines of one signature.
type lineGroup struct {
	lines [][]linePart
	head  int
	text  bool // a free text follows the head
	first string
}

type suggester struct {
	name      string
	groups    []*lineGroup
	stamps    map[int]bool // layouts that were met
	levels    map[string]bool
	continued bool              // lines that begin with a blank follow others
	rest      bool              // lines without a stamp follow others
	json      int               // lines that are JSON objects
	pairs     int               // lines that are key=value behind their head
	keys      map[string]string // of these, and a value of each
	fields    int
}

// group sorts the lines by signature, the most frequent first.
func (s *suggester) group(lines [][]byte) {
	s.levels, s.keys = map[string]bool{}, map[string]string{}
	bySig := map[string]*lineGroup{}
	var order []*lineGroup
	plain, stamped := 0, 0
	for _, line := range lines {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if line[0] == '{' && json.Valid(line) {
			s.json++
			continue
		}
		if (line[0] == ' ' || line[0] == '\t') && len(order) > 0 {
			s.continued = true
			continue
		}
		parts := partsOf(line)
		s.count(parts)
		head := headOf(parts)
		hasStamp := slices.ContainsFunc(parts[:head], func(p linePart) bool { return p.kind == partStamp })
		if hasStamp {
			stamped++
		} else {
			plain++
		}
		sig := signature(parts, head)
		g := bySig[sig]
		if g == nil {
			g = &lineGroup{head: min(head, maxHead), text: strings.HasSuffix(sig, "*"), first: string(line)}
			bySig[sig], order = g, append(order, g)
		}
		g.lines = append(g.lines, parts)
	}
	slices.SortStableFunc(order, func(a, b *lineGroup) int { return cmp.Compare(len(b.lines), len(a.lines)) })
	if stamped > plain { // lines without a stamp are more of the one before
		s.rest = plain > 0
		order = slices.DeleteFunc(order, func(g *lineGroup) bool { return g.stamp() < 0 })
	}
	s.groups = order
	s.fold()
	// what says more of a line is tried first
	slices.SortStableFunc(s.groups, func(a, b *lineGroup) int {
		return cmp.Or(cmp.Compare(b.weight(), a.weight()), cmp.Compare(len(b.lines), len(a.lines)))
	})
}

// fold puts the rarest groups together by their stamp, and what is written before it.
func (s *suggester) fold() {
	if len(s.groups) <= maxPatterns {
		return
	}
	rare := s.groups[maxPatterns-3:]
	s.groups = s.groups[:maxPatterns-3]
	folded := map[string]*lineGroup{}
	for _, g := range rare {
		at := g.stamp()
		if at < 0 {
			at = 0
			if len(s.groups) >= maxPatterns || g.head == 0 {
				continue
			}
		}
		sig := signature(g.lines[0][:at+1], at+1)
		f := folded[sig]
		if f == nil {
			f = &lineGroup{head: at + 1, text: true, first: g.first}
			folded[sig] = f
			s.groups = append(s.groups, f)
		}
		f.lines = append(f.lines, g.lines...)
	}
}

// stamp returns which part of the head is a stamp, -1 if none.
func (g *lineGroup) stamp() int {
	return slices.IndexFunc(g.lines[0][:min(g.head, len(g.lines[0]))], func(p linePart) bool { return p.kind == partStamp })
}

// weight is how much a pattern of the group says: parts that are more than any text, and no free text.
func (g *lineGroup) weight() int {
	n := 2 * g.head
	if !g.text {
		n++
	}
	return n
}

var requestText = regexp.MustCompile(`^"([A-Z]{3,8}) (\S+)(?: HTTP/[0-9.]+)?"$`)

// grok writes the pattern of a group.
func (s *suggester) grok(g *lineGroup) string {
	var b strings.Builder
	used := map[string]int{}
	name := func(base string) string {
		used[base]++
		if used[base] > 1 {
			return fmt.Sprintf("%s%d", base, used[base])
		}
		return base
	}
	field := func() string { s.fields++; return fmt.Sprintf("app.field%d", s.fields) }
	first := g.lines[0]
	for i := range g.head {
		if i > 0 {
			b.WriteString(`\s+`)
		}
		p := first[i]
		same := len(g.lines) > 2
		for _, l := range g.lines {
			same = same && l[i].text == p.text
		}
		switch p.kind {
		case partStamp:
			s.stamps[p.layout] = true
			fmt.Fprintf(&b, "%s(?<_time>%s)%s", regexp.QuoteMeta(p.open), s.stampExpr(p.layout), regexp.QuoteMeta(p.close))
		case partLevel:
			m := levelPart.FindStringSubmatch(p.text)
			for _, l := range g.lines {
				s.levels[levelPart.FindStringSubmatch(l[i].text)[2]] = true
			}
			fmt.Fprintf(&b, "%s(?<%s>[A-Za-z]+)%s", regexp.QuoteMeta(m[1]), name("log.level"), regexp.QuoteMeta(m[3]))
		case partProgram:
			b.WriteString(programExpr(p.text, name, g.lines, i))
		case partPair:
			m := pairPart.FindStringSubmatch(p.text)
			if which, ok := stampValue(m[2]); ok && used["_time"] == 0 && g.stamp() < 0 {
				s.stamps[which] = true
				fmt.Fprintf(&b, `%s="?(?<%s>%s)"?%s`, regexp.QuoteMeta(m[1]), name("_time"), s.stampExpr(which), regexp.QuoteMeta(m[3]))
				continue
			}
			b.WriteString(regexp.QuoteMeta(m[1]) + "=" + pairExpr(m[1], g.lines, i, name) + regexp.QuoteMeta(m[3]))
		case partQuoted:
			if all(g.lines, i, requestText) {
				fmt.Fprintf(&b, `"(?<%s>[A-Z]+) (?<%s>[^" ]*)(?: HTTP/(?<%s>[0-9.]+))?"`, name("http.request.method"), name("url.original"), name("http.version"))
			} else {
				fmt.Fprintf(&b, `"(?<%s>%%{QUOTED})"`, field())
			}
		case partGroup:
			fmt.Fprintf(&b, "%s(?<%s>[^%s]*)%s", regexp.QuoteMeta(p.text[:1]), field(), classOf(p.text[len(p.text)-1]), regexp.QuoteMeta(p.text[len(p.text)-1:]))
		case partAddress:
			m := addressPart.FindStringSubmatch(p.text)
			port := ""
			at := "source"
			if used["source.address"] > 0 {
				at = "destination"
			}
			if m[3] != "" {
				port = fmt.Sprintf(":%%{INT:%s:int}", name(at+".port"))
			}
			fmt.Fprintf(&b, "%s(?<%s>[0-9A-Fa-f.:]+?)%s%s", regexp.QuoteMeta(m[1]), name(at+".address"), port, regexp.QuoteMeta(m[4]))
		case partNumber:
			m := numberPart.FindStringSubmatch(p.text)
			switch {
			case m[3] != "" && used["event.duration"] == 0:
				fmt.Fprintf(&b, "%s%%{NUMBER:%s:%s}%s%s", regexp.QuoteMeta(m[1]), name("event.duration"), m[3], m[3], regexp.QuoteMeta(m[4]))
			default:
				fmt.Fprintf(&b, "%s(?<%s>-?[0-9.]+)%s%s", regexp.QuoteMeta(m[1]), field(), m[3], regexp.QuoteMeta(m[4]))
			}
		default:
			switch {
			case same && plainText(p.text):
				b.WriteString(regexp.QuoteMeta(p.text))
			case i > 0 && first[i-1].kind == partStamp && i+1 < g.head && first[i+1].kind == partProgram:
				fmt.Fprintf(&b, "(?<%s>\\S+)", name("host.name"))
			default:
				fmt.Fprintf(&b, "(?<%s>\\S+)", field())
			}
		}
	}
	if g.text {
		if g.head > 0 {
			b.WriteString(`\s+`)
		}
		b.WriteString(`(?<message>.*)`)
	}
	return b.String() + `\s*`
}

func (s *suggester) stampExpr(layout int) string {
	switch layout {
	case -1:
		return `[0-9]{10}(?:\.[0-9]+)?`
	case -2:
		return `[0-9]{13}`
	}
	return regexpOf(&compiledStamps[layout])
}

// stampValue returns the layout of a value that is a stamp.
func stampValue(value string) (int, bool) {
	text := strings.Trim(value, `"`)
	n, which := stampAt([]byte(text))
	return which, n > 0 && n == len(text)
}

// all reports whether part i of all lines matches re.
func all(lines [][]linePart, i int, re *regexp.Regexp) bool {
	for _, l := range lines {
		if !re.MatchString(l[i].text) {
			return false
		}
	}
	return true
}

func programExpr(text string, name func(string) string, lines [][]linePart, i int) string {
	colon := ""
	if strings.HasSuffix(text, ":") {
		colon = ":"
	}
	if !strings.Contains(text, "[") {
		return fmt.Sprintf(`(?<%s>[^\s\[\]:]+)%s`, name("process.name"), colon)
	}
	return fmt.Sprintf(`(?<%s>[^\s\[\]:]+)\[%%{INT:%s:int}\]%s`, name("process.name"), name("process.pid"), colon)
}

// pairNames are keys whose meaning is clear.
var pairNames = map[string]string{
	"user": "user.name", "username": "user.name", "ip": "source.address", "src": "source.address", "client": "source.address", "remote_addr": "source.address",
	"dst": "destination.address", "level": "log.level", "lvl": "log.level", "severity": "log.level", "method": "http.request.method", "path": "url.path",
	"url": "url.original", "uri": "url.original", "msg": "message", "message": "message", "pid": "process.pid:int",
}

func pairExpr(key string, lines [][]linePart, i int, name func(string) string) string {
	field := pairNames[strings.ToLower(key)]
	if field == "" {
		field = "app." + strings.ToLower(strings.ReplaceAll(key, "-", "_"))
	}
	quoted, bare := false, false
	for _, l := range lines {
		_, v, _ := strings.Cut(l[i].text, "=")
		if strings.HasPrefix(v, `"`) {
			quoted = true
		} else {
			bare = true
		}
	}
	base, typ, _ := strings.Cut(field, ":")
	if typ == "int" && !quoted {
		return fmt.Sprintf("%%{INT:%s:int}", name(base))
	}
	base = name(base)
	switch {
	case quoted && bare:
		return fmt.Sprintf(`(?:"(?<%s>%%{QUOTED})"|(?<%s>[^\s",;]*))`, base, base)
	case quoted:
		return fmt.Sprintf(`"(?<%s>%%{QUOTED})"`, base)
	}
	return fmt.Sprintf(`(?<%s>[^\s",;]*)`, base)
}

// classOf writes a byte as a member of a class.
func classOf(c byte) string {
	if c == ']' || c == '\\' || c == '^' || c == '-' {
		return `\` + string(c)
	}
	return string(c)
}

// plainText reports whether a text may stand in a pattern as it is.
func plainText(text string) bool {
	for _, r := range text {
		if r < ' ' || r > '~' || r == '\'' {
			return false
		}
	}
	return true
}

// toml writes the format file.
func (s *suggester) toml(lines [][]byte) string {
	var b, patterns strings.Builder
	if s.json*2 > len(lines) {
		return s.jsonTOML(lines)
	}
	if s.pairs*2 > len(lines) {
		return s.pairsTOML()
	}
	for _, g := range s.groups {
		fmt.Fprintf(&patterns, "\n# %d lines like: %s\n[[pattern]]\ngrok = '''%s'''\n", len(g.lines), comment(cutBytes(g.first, 200)), s.grok(g))
	}
	fmt.Fprintf(&b, "title   = %q\ndataset = %q\nrank    = 55\nnull    = [\"-\"]\n", strings.ReplaceAll(s.name, ".", " "), s.name)
	b.WriteString(patterns.String())
	if len(s.stamps) > 0 {
		fmt.Fprintf(&b, "\n[time]\nfrom    = \"_time\"\nlayouts = [%s]\n", strings.Join(s.layouts(), ", "))
	}
	if s.continued || s.rest {
		b.WriteString("\n# lines that belong to the line before\n[join]\n")
		if s.continued {
			b.WriteString("continue = ['[ \\t]']\n")
		}
		if s.rest {
			b.WriteString("rest     = true\n")
		}
	}
	if table := levelTable(s.levels); table != "" {
		fmt.Fprintf(&b, "\n[[lookup]]\nfrom  = \"log.level\"\nto    = \"log.level\"\ntable = { %s }\n", table)
	}
	return b.String()
}

// levelNames are the levels that Veritail's formats use, by what programs write.
var levelNames = map[string]string{
	"trace": "trace", "finest": "trace", "finer": "trace", "debug": "debug", "dbg": "debug", "fine": "debug", "verbose": "debug", "config": "debug",
	"info": "info", "inf": "info", "information": "info", "notice": "notice", "warn": "warning", "wrn": "warning", "warning": "warning", "error": "error",
	"err": "error", "severe": "error", "fatal": "fatal", "ftl": "fatal", "critical": "critical", "crit": "critical", "alert": "alert", "emerg": "emergency", "panic": "panic",
}

func levelTable(levels map[string]bool) string {
	var rows []string
	for text := range levels {
		if to := levelNames[strings.ToLower(text)]; to != text && to != "" {
			rows = append(rows, fmt.Sprintf("%q = %q", text, to))
		}
	}
	slices.Sort(rows)
	return strings.Join(rows, ", ")
}

func cutBytes(text string, n int) string {
	if len(text) > n {
		return strings.ToValidUTF8(text[:n], "") + "…"
	}
	return strings.ToValidUTF8(text, ".")
}
