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
	// Engine returns the name of what runs the expression: automaton, or a fallback that is many times slower and why.
	Engine() (name, reason string)
}

// A Mode says where in the text an expression has to stand.
type Mode int

// The modes of expressions.
const (
	Search Mode = iota // anywhere; the leftmost match counts
	Prefix             // at the beginning of the text
	Whole              // from the beginning of the text to its end
)

// anchored writes the mode's anchors around a regular expression.
func (m Mode) anchored(text string) string {
	switch m {
	case Prefix:
		return `\A(?:` + text + ")"
	case Whole:
		return `\A(?:` + text + `)\z`
	}
	return text
}

// An expansion is an expression whose references are replaced.
type expansion struct {
	source string // as written
	mode   Mode
	tree   *tree
	expr   automaton.Expression
	unfit  error // why there is no such expression
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
	if x.unfit != nil {
		return x.fallback(x.unfit)
	}
	m, err := automaton.Compile([]automaton.Expression{x.expr}, automaton.Mode(mode))
	if err != nil {
		return x.fallback(err)
	}
	return &Automaton{m, x}, nil
}

func (l *Library) expansion(expr string, mode Mode) (*expansion, error) {
	t, err := l.parse(expr)
	if err != nil {
		return nil, fmt.Errorf("grok: %w", err)
	}
	x := &expansion{source: expr, mode: mode, tree: t}
	x.expr, x.unfit = t.goSyntax()
	return x, nil
}

// Automaton is a Matcher on a tagged automaton: each byte is looked at once, whatever the expression.
type Automaton struct {
	m *automaton.Machine
	x *expansion
}

// Match implements Matcher.
func (a *Automaton) Match(b []byte, slots []int32) bool { return a.m.Match(b, slots) >= 0 }

// Captures implements Matcher.
func (a *Automaton) Captures() []Capture { return a.x.tree.caps }

// Engine implements Matcher.
func (a *Automaton) Engine() (name, reason string) { return "automaton", "" }

// Stop implements Matcher.
func (a *Automaton) Stop(b []byte) Stop { return a.x.stop(b) }
