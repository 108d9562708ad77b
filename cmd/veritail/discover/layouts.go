package discover

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/saypro/veritail/configs"
)

// A Layout is what a server's settings say of the lines of a log.
type Layout struct {
	Format string // that reads it
	Text   string // the directive, in one line
	From   string // where it stands: a file and a line
	usual  bool   // the format reads such lines without being told
}

// layouts reads what the settings of servers say of the lines of their logs, and tells by the lines of each whether that is needed to read
// them. A log of the well-known list that needs it becomes one that is written with it.
func (l *looker) layouts() {
	by := map[string]*Layout{} // by the path of a log
	for i := range l.Where.Servers {
		s := &l.Where.Servers[i]
		for _, glob := range s.Files {
			mains, _ := filepath.Glob(l.on(glob)) // it was checked
			for _, main := range mains {
				r := settingsOf{l: l, server: s, base: filepath.Dir(l.under(main)), seen: map[string]bool{}, defined: map[string]*Layout{}}
				r.file(l.under(main), 0)
				r.uses(by)
			}
		}
	}
	for _, f := range l.files {
		at := by[l.under(f.Path)]
		if at == nil || f.Problem != "" || l.over() || l.Formats.CheckLayout(at.Format, at.Text) != nil {
			continue
		}
		f.layout = at
		l.sample(f)
		if needed := f.Sample == nil && !at.usual || f.Sample != nil && f.Sample.Layout != ""; !needed {
			f.layout = nil
			continue
		}
		if f.known >= 0 {
			f.dataset, f.known = l.WellKnown[f.known].Dataset, -1
		}
	}
}

// settingsOf reads the settings of a server, with the files that they include.
type settingsOf struct {
	l       *looker
	server  *configs.Server
	base    string // the folder that relative paths are below
	seen    map[string]bool
	defined map[string]*Layout // by name
	logs    []use
}

// A use is a log that is written in a layout.
type use struct {
	path, layout string // a name, or the text itself as it stands there
	from         string
}

// better reports whether the layout says more of some lines than what they have told themselves: it takes more of them, or as many as a
// format does that knows less of such logs.
func (at *Layout) better(own, told *Sample) bool {
	return own.Understood > told.Understood || own.Understood == told.Understood && own.Understood > 0 && !at.usual && told.Format != at.Format
}

// maxIncludes bounds how deeply files include others.
const maxIncludes = 8

// file reads a file at a path of the machine.
func (r *settingsOf) file(path string, depth int) {
	if r.l.entries++; depth > maxIncludes || r.seen[path] || r.l.over() {
		return
	}
	r.seen[path] = true
	for _, d := range directives(linesOf(r.l.on(path)), r.server.Syntax == configs.Blocks) {
		r.directive(d, path, depth)
	}
}

func (r *settingsOf) directive(d directive, path string, depth int) {
	s, words := r.server, d.words[1:]
	from := fmt.Sprintf("%s:%d", path, d.line)
	is := func(names ...string) bool {
		for _, name := range names {
			if strings.EqualFold(name, d.words[0]) {
				return true
			}
		}
		return false
	}
	switch {
	case len(words) == 0:
	case is(s.Base) && filepath.IsAbs(unquoted(words[0])):
		r.base = unquoted(words[0])
	case is(s.Include...):
		for _, file := range r.included(words[0]) {
			r.file(file, depth+1)
		}
	case is(s.Define) && len(words) > 1:
		name, text, end := words[0], words[1:], ";"
		if s.Syntax == configs.Lines {
			name, text, end = words[len(words)-1], words[:len(words)-1], ""
		}
		r.defined[unquoted(name)] = &Layout{Format: s.Format, Text: strings.Join(d.words, " ") + end, From: from, usual: s.IsUsual(textOf(text))}
	case is(s.Use) && len(words) > 1:
		r.logs = append(r.logs, use{path: r.path(words[0]), layout: words[1], from: from})
	}
}

// path returns the path that a word names: a relative one is below the base.
func (r *settingsOf) path(word string) string {
	path := unquoted(word)
	for from, to := range r.server.Replace {
		path = strings.ReplaceAll(path, from, to)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.base, path)
	}
	return filepath.Clean(path)
}

// included returns the files that an include names: one, those of a glob, or all of a folder.
func (r *settingsOf) included(word string) (files []string) {
	paths, err := filepath.Glob(r.l.on(r.path(word)))
	if err != nil {
		return nil
	}
	for _, path := range paths {
		if st, err := os.Stat(path); err == nil && st.IsDir() {
			below, _ := filepath.Glob(escapeGlob(path) + "/*")
			for _, file := range below {
				files = append(files, r.l.under(file))
			}
			continue
		}
		files = append(files, r.l.under(path))
	}
	return files
}

// uses notes the layouts of the logs. What is no name of one may be its text.
func (r *settingsOf) uses(by map[string]*Layout) {
	for _, u := range r.logs {
		if strings.ContainsAny(u.path, "$|%") { // a name of many, or a program
			continue
		}
		r.l.named(u.path, "named in "+u.from)
		at := r.defined[unquoted(u.layout)]
		if text := unquoted(u.layout); at == nil && r.server.Syntax == configs.Lines && strings.Contains(text, "%") {
			at = &Layout{Format: r.server.Format, Text: r.server.Define + " " + u.layout, From: u.from, usual: r.server.IsUsual(text)}
		}
		if at != nil && by[u.path] == nil {
			by[u.path] = at
		}
	}
}

// A directive is one of a server's settings: its words as they stand there, in their quotes.
type directive struct {
	words []string
	line  int
}

// directives cuts lines of settings. Those of blocks end at a semicolon or brace, others with their line.
func directives(lines []string, blocks bool) (all []directive) {
	var d directive
	end := func() {
		if len(d.words) > 0 {
			all = append(all, d)
		}
		d = directive{}
	}
	quote := byte(0)
	open := false // the last word goes on
	for n, line := range lines {
		goesOn := !blocks && strings.HasSuffix(line, `\`)
		if goesOn {
			line = line[:len(line)-1]
		}
		for i := 0; i < len(line); i++ {
			c := line[i]
			switch {
			case quote != 0:
				d.add(c, true, n)
				if c == '\\' && i+1 < len(line) {
					i++
					d.add(line[i], true, n)
				} else if c == quote {
					quote = 0
				}
				continue
			case c == ' ' || c == '\t' || c == '\r':
				open = false
				continue
			case c == '#' && !open && (blocks || len(d.words) == 0):
				i = len(line)
				continue
			case blocks && (c == ';' || c == '{' || c == '}'):
				end()
				open = false
				continue
			case (c == '"' || c == '\'') && !open:
				quote = c
			}
			d.add(c, open, n)
			open = true
		}
		switch {
		case quote != 0 && blocks:
			d.add(' ', true, n) // a text over several lines
		case !blocks && !goesOn:
			end()
			quote, open = 0, false
		default:
			open = false
		}
	}
	end()
	return all
}

// add adds a character to the last word, or begins one.
func (d *directive) add(c byte, goesOn bool, line int) {
	if len(d.words) == 0 {
		d.line = line + 1
	}
	if !goesOn || len(d.words) == 0 {
		d.words = append(d.words, "")
	}
	d.words[len(d.words)-1] += string([]byte{c})
}

// unquoted takes the quotes off a word.
func unquoted(word string) string {
	if len(word) < 2 || word[0] != '"' && word[0] != '\'' || word[len(word)-1] != word[0] {
		return word
	}
	text := word[1 : len(word)-1]
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\'`, `'`).Replace(text)
}

// textOf joins words without their quotes, as a server does.
func textOf(words []string) (text string) {
	for _, w := range words {
		text += unquoted(w)
	}
	return text
}
