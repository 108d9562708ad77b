package transactions

import (
	"slices"
	"strings"
)

// Wants is what session i waits for, in short: "accounts PRIMARY key 2", or by its statement "accounts id=2", else the
// lock in the server's words.
func (d *Deadlock) Wants(i int) string {
	s := &d.Sessions[i]
	for k := range s.Wants {
		if s.Wants[k].Table != "" && s.Wants[k].Key != "" {
			return s.Wants[k].Object()
		}
	}
	if asked := Locking(s.Statement); len(asked) == 1 || len(asked) == 2 { // it holds a lock: of two it has got past the first
		if text := asked[len(asked)-1].rows(); text != "" {
			return text
		}
	}
	if len(s.Wants) > 0 {
		return s.Wants[0].Object()
	}
	return NotLogged
}

// Holds is what session i holds, in short: as the report tells, or by the first of its two statements.
func (d *Deadlock) Holds(i int) string {
	s := &d.Sessions[i]
	if len(s.Holds) > 0 {
		return s.Holds[0].Object()
	}
	if asked := Locking(s.Statement); len(asked) == 2 {
		if text := asked[0].rows(); text != "" {
			return text
		}
	}
	return NotLogged
}

// Locking returns those statements of a text that lock, as Statements has them.
func Locking(sql string) []Statement {
	var out []Statement
	for _, s := range Statements(sql) {
		if s.Locks {
			out = append(out, s)
		}
	}
	return out
}

// rows names the rows that a statement asks for: "accounts id=2".
func (s Statement) rows() string {
	if s.Table == "" {
		return ""
	}
	if s.Where == "" || len(s.Where) > 60 || slices.ContainsFunc(lex(s.Where), token.isParameter) {
		return s.Table
	}
	return s.Table + " " + s.Where
}

// shown is s in one line of at most n characters, without characters that draw nothing or something else.
func shown(s string, n int) string {
	var b strings.Builder
	blank, count := false, 0
	for _, r := range s {
		if r == '\n' || r == '\t' || r == '\r' || r == ' ' {
			blank = b.Len() > 0
			continue
		}
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			r = '\ufffd'
		}
		if blank {
			b.WriteByte(' ')
			blank = false
			count++
		}
		if count++; count > n {
			cut := []rune(b.String())
			return string(cut[:max(0, n-1)]) + "…"
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Lock is what session from waits for session to with, in words, and what is to be said of who holds it.
func (d *Deadlock) Lock(from, to int) (lock, held string) {
	w := d.wait(from, to)
	if w == nil {
		return NotLogged, ""
	}
	if w.Inferred {
		held = "; who holds it is " + NotLogged + ", no other can"
	}
	return w.Lock.Text(), held
}
