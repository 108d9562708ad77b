package transactions

import (
	"fmt"
	"slices"
	"strings"
)

// A Cell is a column of a statement's table with a value that the statement names for it.
type Cell struct {
	Column string
	Value  string // as it is written: 3, 'x'; "" where it is no plain value
	Key    bool   // it is asked for, or of an insert the first column
}

// Cells returns the columns that a statement names of its table, and the rows that it asks for or inserts, each as values of
// the key's columns. The error says why they are not known: a condition that is more than column = value.
func (s Statement) Cells() (cells []Cell, rows [][]Cell, err error) {
	tokens := lex(s.Text)
	at := func(keyword string) int {
		depth := 0
		for i, t := range tokens {
			switch {
			case t.text == "(":
				depth++
			case t.text == ")":
				depth--
			case depth == 0 && t.kind == word && strings.EqualFold(t.text, keyword):
				return i
			}
		}
		return -1
	}
	if s.Verb == "insert" || s.Verb == "replace" {
		return inserted(tokens, at("values"))
	}
	where := at("where")
	end := len(tokens)
	for _, w := range tails {
		if i := at(w); i > where && i < end && i > 0 {
			end = i
		}
	}
	if set := at("set"); set >= 0 {
		stop := end
		if where > set {
			stop = where
		}
		cells = assigned(tokens[set+1 : stop])
	}
	if where < 0 {
		return cells, nil, nil
	}
	keys, rows, err := asked(tokens[where+1 : end])
	return append(cells, keys...), rows, err
}

// assigned reads a = 1, b = b + 1.
func assigned(tokens []token) []Cell {
	var cells []Cell
	depth, begin := 0, 0
	flush := func(part []token) {
		if len(part) >= 3 && part[0].kind == word {
			c := Cell{Column: bareName(part[0].text)}
			value := part[2:]
			if part[1].text == "." && len(part) >= 5 { // alias.column = …
				c.Column, value = bareName(part[2].text), part[4:]
			}
			if len(value) == 1 && value[0].kind == literal {
				c.Value = value[0].text
			}
			cells = append(cells, c)
			for _, t := range value { // b = b + 1 says that b is a number
				if c.Value == "" && t.kind == literal {
					cells[len(cells)-1].Value = t.text
				}
			}
		}
	}
	for i, t := range tokens {
		switch {
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case t.text == "," && depth == 0:
			flush(tokens[begin:i])
			begin = i + 1
		}
	}
	flush(tokens[begin:])
	return cells
}

// asked reads a = 1 and b in (1, 2).
func asked(tokens []token) (keys []Cell, rows [][]Cell, err error) {
	rows = [][]Cell{nil}
	for i := 0; i < len(tokens); {
		if i > 0 {
			if !strings.EqualFold(tokens[i].text, "and") {
				return nil, nil, notPlain(tokens)
			}
			i++
		}
		for i+2 < len(tokens) && tokens[i+1].text == "." { // alias.column
			i += 2
		}
		if i+2 >= len(tokens) || tokens[i].kind != word {
			return nil, nil, notPlain(tokens)
		}
		name := bareName(tokens[i].text)
		var values []string
		switch {
		case tokens[i+1].text == "=" && tokens[i+2].kind == literal:
			values = []string{tokens[i+2].text}
			i += 3
			for i+1 < len(tokens) && tokens[i].text == "::" { // a cast
				i += 2
			}
		case strings.EqualFold(tokens[i+1].text, "in") && tokens[i+2].text == "(":
			i += 3
			for ; i < len(tokens) && tokens[i].text != ")"; i++ {
				if tokens[i].kind == literal {
					values = append(values, tokens[i].text)
				} else if tokens[i].text != "," {
					return nil, nil, notPlain(tokens)
				}
			}
			i++
		default:
			return nil, nil, notPlain(tokens)
		}
		if len(values) == 0 || len(rows)*len(values) > 100 {
			return nil, nil, notPlain(tokens)
		}
		keys = append(keys, Cell{name, values[0], true})
		var next [][]Cell
		for _, row := range rows {
			for _, v := range values {
				next = append(next, append(append([]Cell{}, row...), Cell{name, v, true}))
			}
		}
		rows = next
	}
	return keys, rows, nil
}

func notPlain(tokens []token) error {
	return fmt.Errorf("the condition %q is more than column = value", shown(join(tokens), 80))
}

// inserted reads (a, b) values (1, 2), (3, 4).
func inserted(tokens []token, values int) (cells []Cell, rows [][]Cell, err error) {
	var names []string
	for i := 1; i < values; i++ {
		if tokens[i].text == "(" {
			for i++; i < values && tokens[i].text != ")"; i++ {
				if tokens[i].kind == word {
					names = append(names, bareName(tokens[i].text))
				}
			}
		}
	}
	if values < 0 || len(names) == 0 {
		return nil, nil, fmt.Errorf("the columns of the insert are %s", NotLogged)
	}
	var row []token
	depth := 0
	for _, t := range tokens[values+1:] {
		switch {
		case t.text == "(":
			depth++
		case t.text == ")" && depth == 1:
			depth = 0
			var line []Cell
			for k, v := range row {
				if k < len(names) {
					line = append(line, Cell{names[k], v.text, k == 0})
				}
			}
			if cells == nil {
				cells = line
			}
			if len(line) > 0 {
				rows = append(rows, line[:1])
			}
			row = nil
		case t.text == ")":
			depth--
		case depth == 1 && t.kind == literal:
			row = append(row, t)
		case depth == 1 && t.text != ",":
			return nil, nil, fmt.Errorf("a value of the insert is no plain one")
		}
	}
	return cells, rows, nil
}

func bareName(s string) string { return strings.Trim(s, "\"`[]") }

// Condition is the statement's condition alone, without what may stand behind it.
func (s Statement) Condition() string {
	tokens := lex(s.Where)
	depth := 0
	for i, t := range tokens {
		switch {
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case depth == 0 && i > 0 && t.kind == word && isTail(t.text):
			return join(tokens[:i])
		}
	}
	return join(tokens)
}

// tails are the words with which begins what stands behind a condition.
var tails = []string{"order", "limit", "returning", "for", "lock"}

func isTail(s string) bool { return slices.Contains(tails, strings.ToLower(s)) }

// Fill returns SQL with value(n) in place of its n-th parameter, from 0; and how many there were.
func Fill(sql string, value func(n int) string) (string, int) {
	var b strings.Builder
	n := 0
	for i, t := range lex(sql) {
		if i > 0 && t.spaced {
			b.WriteByte(' ')
		}
		if t.isParameter() {
			b.WriteString(value(n))
			n++
			continue
		}
		b.WriteString(t.text)
	}
	if n == 0 {
		return sql, 0
	}
	return b.String(), n
}
