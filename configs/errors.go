package configs

import (
	"fmt"
	"io/fs"
	"strings"
)

// An Error is one fault of a configuration file, with the place it stands at.
type Error struct {
	File       string // as the reader would open it
	Line       int    // from 1; 0 where the fault is of the whole file
	Column     int    // in bytes, from 1; 0 with Line 0
	Key        string // the key's path, as At takes it; empty for a fault of syntax
	Msg        string // what is wrong, without place and suggestion
	Suggestion string // the nearest key that would be valid, or empty
	Source     string // the text of the line
}

// Error returns the fault in one line: file:line: message; did you mean "x"?
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	fmt.Fprintf(&b, ": %s", e.Msg)
	if e.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Suggestion)
	}
	return b.String()
}

// Detail returns Error and, below it, the source line with a caret under the place.
func (e *Error) Detail() string {
	if e.Line == 0 {
		return e.Error()
	}
	number := fmt.Sprintf("%5d | ", e.Line)
	// Tabs stay tabs in the caret's indent, so that it stands under its place whatever the tab width.
	indent := []byte(e.Source[:min(e.Column-1, len(e.Source))])
	for i, c := range indent {
		if c != '\t' {
			indent[i] = ' '
		}
	}
	return fmt.Sprintf("%s\n%s%s\n%s%s^", e.Error(), number, e.Source, strings.Repeat(" ", len(number)-2)+"| ", indent)
}

// Errors are all faults found in one file, in the order of their lines. It is never empty.
type Errors []*Error

// Error returns the faults, one a line.
func (e Errors) Error() string { return e.join((*Error).Error) }

// Detail returns the faults with their source lines.
func (e Errors) Detail() string { return e.join((*Error).Detail) }

func (e Errors) join(text func(*Error) string) string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = text(one)
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults, so that errors.As finds the first *Error.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// At returns an Error at a key of a file that Decode has accepted: for faults that only the reader of the values can
// see. key is the key's path: `rule[1].when."event.action"` is in the second [[rule]]. If the key is not in the
// file, the error stands at the innermost table that is. The place is that of the value if the key has one.
func At(fsys fs.FS, name, key, format string, args ...any) *Error {
	e := &Error{File: display(fsys, name), Key: key, Msg: fmt.Sprintf(format, args...)}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return e // the file was there a moment ago: without a place, the message is still the message
	}
	e.place(string(text), locate(string(text)).find(key).value)
	return e
}

// place sets line, column and source line to those of the byte at off; a negative off leaves them empty.
func (e *Error) place(text string, off int) {
	if off < 0 {
		return
	}
	off = min(off, len(text))
	start := strings.LastIndexByte(text[:off], '\n') + 1
	end := len(text)
	if n := strings.IndexByte(text[off:], '\n'); n >= 0 {
		end = off + n
	}
	e.Line = strings.Count(text[:off], "\n") + 1
	e.Column = off - start + 1
	e.Source = strings.TrimSuffix(text[start:end], "\r")
}
