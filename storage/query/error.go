package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Error says what is wrong in the text of a query, and where.
type Error struct {
	Pos    int    // byte column in the text, from 1
	Msg    string // what is wrong
	Repair string // what to write or to do instead; never empty
}

// Error returns column, message and repair in one line.
func (e *Error) Error() string {
	s := fmt.Sprintf("column %d: %s", e.Pos, e.Msg)
	if e.Repair != "" {
		s += "; " + e.Repair
	}
	return s
}

// showWidth bounds the part of a long line that Show prints, in characters.
const showWidth = 100

// Show returns the line of the query that the error is in, a caret under the place, and the message, each on a
// line of its own. Characters that do not print are shown as spaces.
func (e *Error) Show(query string) string {
	at := min(max(e.Pos-1, 0), len(query))
	from := strings.LastIndexByte(query[:at], '\n') + 1
	to := len(query)
	if i := strings.IndexByte(query[at:], '\n'); i >= 0 {
		to = at + i
	}
	line := []rune(strings.ToValidUTF8(query[from:to], "\uFFFD"))
	caret := min(utf8.RuneCountInString(strings.ToValidUTF8(query[from:at], "\uFFFD")), len(line))
	if len(line) > showWidth {
		cut := min(max(caret-showWidth/2, 0), len(line)-showWidth)
		line, caret = line[cut:cut+showWidth], caret-cut
	}
	for i, r := range line {
		if !unicode.IsPrint(r) {
			line[i] = ' '
		}
	}
	s := string(line) + "\n" + strings.Repeat(" ", caret) + "^ " + e.Msg
	if e.Repair != "" {
		s += "\n" + strings.Repeat(" ", caret) + "  " + e.Repair
	}
	return s
}

// clip shortens what a message quotes of the query.
func clip(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return s
}

func fail(off int, repair, format string, args ...any) *Error {
	return &Error{Pos: off + 1, Msg: fmt.Sprintf(format, args...), Repair: repair}
}
