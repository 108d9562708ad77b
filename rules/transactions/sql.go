package transactions

import "strings"

// Normalise returns SQL with ? for each text, number and parameter, one blank for white space and comments, and one ? for a
// list of them. Statements that differ in values only are equal then.
func Normalise(sql string) string {
	var b strings.Builder
	var last token
	for _, t := range lex(sql) {
		text := t.text
		if t.kind == literal {
			text = "?"
		}
		if b.Len() > 0 && (t.spaced || t.kind != sign && last.kind != sign) && text != "," && text != ")" && text != ";" && last.text != "(" {
			b.WriteByte(' ')
		}
		b.WriteString(text)
		if last.text == "," && text == "," {
			continue
		}
		last = t
	}
	return shorten(b.String())
}

// shorten makes one ? of a list of them, and one list of several.
func shorten(s string) string {
	for _, f := range []string{"?, ?", "?,?"} {
		for strings.Contains(s, f) {
			s = strings.ReplaceAll(s, f, "?")
		}
	}
	for _, f := range []string{"(?), (?)", "(?),(?)"} {
		for strings.Contains(s, f) {
			s = strings.ReplaceAll(s, f, "(?)")
		}
	}
	return strings.TrimRight(s, "; ")
}

// A Statement is one of a text of SQL, as far as it says what it locks.
type Statement struct {
	Text  string
	Verb  string // update, delete, insert, select, lock, begin, commit, … in small letters
	Table string // without schema and quotes; "" where there is none
	Name  string // of the table, as it is written, schemas and quotes too
	Where string // its condition, or of an insert its first row; "" without one
	Locks bool   // it locks rows or a table of Table
}

// Statements splits SQL at its semicolons.
func Statements(sql string) []Statement {
	var out []Statement
	var part []token
	flush := func() {
		if len(part) > 0 {
			out = append(out, statement(part))
		}
		part = nil
	}
	for _, t := range lex(sql) {
		if t.kind == sign && t.text == ";" {
			flush()
			continue
		}
		part = append(part, t)
	}
	flush()
	return out
}

// beforeTable are words that stand between a verb and its table.
var beforeTable = map[string]bool{"into": true, "from": true, "only": true, "low_priority": true, "ignore": true, "quick": true, "delayed": true, "high_priority": true, "table": true}

func statement(tokens []token) Statement {
	s := Statement{Text: join(tokens), Verb: strings.ToLower(tokens[0].text)}
	at := 0
	if s.Verb == "with" { // the statement behind its queries
		for i := range tokens {
			switch w := strings.ToLower(tokens[i].text); w {
			case "update", "insert", "delete", "merge":
				at, s.Verb = i, w
			}
		}
	}
	switch s.Verb {
	case "update", "delete", "insert", "replace", "merge", "lock", "truncate":
		s.Locks = true
		s.Table, s.Name = tableAt(tokens[at+1:])
	case "select":
		for i := range tokens {
			if strings.EqualFold(tokens[i].text, "from") && s.Table == "" {
				s.Table, s.Name = tableAt(tokens[i+1:])
			}
			if strings.EqualFold(tokens[i].text, "for") && i+1 < len(tokens) && (strings.EqualFold(tokens[i+1].text, "update") || strings.EqualFold(tokens[i+1].text, "share") || strings.EqualFold(tokens[i+1].text, "no") || strings.EqualFold(tokens[i+1].text, "key")) {
				s.Locks = true
			}
		}
		if n := len(tokens); n > 4 && strings.EqualFold(tokens[n-1].text, "mode") && strings.EqualFold(tokens[n-2].text, "share") {
			s.Locks = true
		}
	case "alter", "drop", "create":
		for i := range tokens {
			if strings.EqualFold(tokens[i].text, "table") {
				s.Table, s.Name = tableAt(tokens[i+1:])
				s.Locks = true
				break
			}
		}
	}
	for i := range tokens {
		if w := strings.ToLower(tokens[i].text); w == "where" || s.Verb == "insert" && w == "values" {
			s.Where = join(tokens[i+1:])
			break
		}
	}
	return s
}

// tableAt reads the name of a table, with or without schemas and quotes, and returns its last part and all of it.
func tableAt(tokens []token) (name, whole string) {
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.kind != word {
			break
		}
		if name == "" && beforeTable[strings.ToLower(t.text)] {
			continue
		}
		name = strings.Trim(t.text, "\"`[]")
		whole += t.text
		if i+1 >= len(tokens) || tokens[i+1].text != "." {
			break
		}
		whole += "."
		i++
	}
	return name, whole
}

func join(tokens []token) string {
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 && t.spaced {
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
	}
	return b.String()
}
