package grok

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
)

// A Matcher finds an expression in bytes. Implementations are safe for concurrent use.
type Matcher interface {
	// Match reports whether the expression matches b. Capture i then is b[slots[2*i]:slots[2*i+1]], both -1
	// where it took no part. slots has room for two numbers a capture; it is left as it is without a match.
	Match(b []byte, slots []int32) bool
	// Captures returns the captures, whose order is that of the slots. The caller must not change it.
	Captures() []Capture
	// Stop tells, for bytes that do not match, how far the expression gets: the length of the longest prefix of b
	// that its longest matching beginning takes, and the part of the expression that then fails. It is slow and
	// meant for people who ask why.
	Stop(b []byte) (length int, failed string)
}

// Regexp is a Matcher on Go's regexp.
type Regexp struct {
	re       *regexp.Regexp
	captures []Capture
	prefix   []byte // every match of an anchored expression begins with it
	source   string
	parts    parts // for Stop
}

// Compile returns a matcher that finds expr anywhere. As in Logstash, ^ and $ match at line ends, and . matches a
// line ending.
func (l *Library) Compile(expr string) (*Regexp, error) { return l.compile(expr, "(?sm)", "") }

// CompileAnchored returns a matcher that takes the whole of its input or nothing.
func (l *Library) CompileAnchored(expr string) (*Regexp, error) {
	return l.compile(expr, `(?s)\A(?:`, `)\z`)
}

func (l *Library) compile(expr, before, after string) (*Regexp, error) {
	text, caps, looks, err := l.expand(expr)
	if err != nil {
		return nil, fmt.Errorf("grok: %w", err)
	}
	if len(looks) > 0 {
		return nil, errors.New("grok: look-ahead and look-behind are not supported")
	}
	re, err := regexp.Compile(before + text + after)
	if err != nil {
		return nil, fmt.Errorf("grok: %w", err)
	}
	m := &Regexp{re: re, captures: caps, source: text}
	if after != "" {
		m.prefix = literalPrefix(text)
	}
	return m, nil
}

// Match implements Matcher.
func (m *Regexp) Match(b []byte, slots []int32) bool {
	if !bytes.HasPrefix(b, m.prefix) {
		return false
	}
	loc := m.re.FindSubmatchIndex(b)
	if loc == nil {
		return false
	}
	for i := range m.captures {
		slots[2*i], slots[2*i+1] = int32(loc[2*i+2]), int32(loc[2*i+3])
	}
	return true
}

// Captures implements Matcher.
func (m *Regexp) Captures() []Capture { return m.captures }

// String returns the regular expression that the grok expression became.
func (m *Regexp) String() string { return m.source }

// literalPrefix returns the bytes with which every match of the expression begins. It saves running the regular
// expression on most of the lines that it does not fit.
func literalPrefix(expr string) []byte {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	var out []byte
	appendPrefix(re.Simplify(), &out)
	return out
}

// appendPrefix appends the literal beginning of re to out and reports whether re is a literal as a whole.
func appendPrefix(re *syntax.Regexp, out *[]byte) bool {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return false
		}
		*out = append(*out, string(re.Rune)...)
		return true
	case syntax.OpCapture:
		return appendPrefix(re.Sub[0], out)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if !appendPrefix(sub, out) {
				return false
			}
		}
		return true
	case syntax.OpEmptyMatch:
		return true
	}
	return false
}
