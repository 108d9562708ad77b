package grok

import (
	"fmt"

	"github.com/saypro/veritail/parsers/grok/automaton"
)

// A Matcher finds an expression in bytes. Implementations are safe for concurrent use.
type Matcher interface {
	// Match reports whether the expression matches b. Capture i then is b[slots[2*i]:slots[2*i+1]], both -1
	// where it took no part. slots has room for two numbers a capture; it is left as it is without a match.
	Match(b []byte, slots []int32) bool
	// Captures returns the captures, whose order is that of the slots. The caller must not change it.
	Captures() []Capture
	// Stop tells how far the expression gets in bytes that it does not match. It is slow and meant for people who ask
	// why.
	Stop(b []byte) Stop
}

// A Mode says where in the text an expression has to stand.
type Mode int

// The modes of expressions.
const (
	Search Mode = iota // anywhere; the leftmost match counts. ^ and $ stand at the ends of lines
	Prefix             // at the beginning of the text
	Whole              // from the beginning of the text to its end
)

// An expansion is an expression whose references are replaced.
type expansion struct {
	source string // as written
	lib    *Library
	mode   Mode
	text   string // a regular expression in Go's syntax, with markers of looks, and with the flags of the mode
	caps   []Capture
	looks  []look
}

// Compile returns a matcher that finds expr anywhere.
func (l *Library) Compile(expr string) (Matcher, error) { return l.matcher(expr, Search) }

// CompileAnchored returns a matcher that takes the whole of its input or nothing.
func (l *Library) CompileAnchored(expr string) (Matcher, error) { return l.matcher(expr, Whole) }

// CompilePrefix returns a matcher that takes what expr matches at the beginning of its input.
func (l *Library) CompilePrefix(expr string) (Matcher, error) { return l.matcher(expr, Prefix) }

func (l *Library) matcher(expr string, mode Mode) (Matcher, error) {
	x, err := l.expansion(expr, mode)
	if err != nil {
		return nil, err
	}
	if m, err := automaton.Compile([]automaton.Expression{x.automaton()}, automaton.Mode(mode)); err == nil {
		return &Automaton{m, x}, nil
	}
	return x.fallback()
}

func (l *Library) expansion(expr string, mode Mode) (*expansion, error) {
	text, caps, looks, err := l.expand(expr)
	if err != nil {
		return nil, fmt.Errorf("grok: %w", err)
	}
	return &expansion{expr, l, mode, flags(text, mode), caps, looks}, nil
}

// flags writes the flags of a mode before an expanded expression: as in Logstash, . matches a line ending.
func flags(text string, mode Mode) string {
	if mode == Search {
		return "(?sm)" + text
	}
	return "(?s)" + text
}

// automaton returns the expression as the automaton wants it.
func (x *expansion) automaton() automaton.Expression {
	e := automaton.Expression{Text: x.text}
	for _, l := range x.looks {
		e.Looks = append(e.Looks, automaton.Look{Behind: l.behind, Negative: l.negative, First: *l.first, Second: l.second})
	}
	return e
}

// Automaton is a Matcher on a tagged automaton: each byte is looked at once, whatever the expression.
type Automaton struct {
	m *automaton.Machine
	x *expansion
}

// Match implements Matcher.
func (a *Automaton) Match(b []byte, slots []int32) bool { return a.m.Match(b, slots) >= 0 }

// Captures implements Matcher.
func (a *Automaton) Captures() []Capture { return a.x.caps }

// Stop implements Matcher.
func (a *Automaton) Stop(b []byte) Stop { return a.x.stop(b) }
