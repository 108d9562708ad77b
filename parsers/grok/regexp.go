package grok

import (
	"errors"
	"fmt"
	"regexp"
)

// Regexp is a Matcher on Go's regexp, for expressions that are too large for an automaton.
type Regexp struct {
	re *regexp.Regexp
	x  *expansion
}

// fallback returns the matcher of an expression that has become no automaton.
func (x *expansion) fallback() (Matcher, error) {
	if len(x.looks) > 0 {
		return nil, errors.New("grok: the expression is too large for look-ahead and look-behind")
	}
	text := x.text
	switch x.mode {
	case Prefix:
		text = `\A(?:` + text + `)`
	case Whole:
		text = `\A(?:` + text + `)\z`
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("grok: %w", err)
	}
	return &Regexp{re, x}, nil
}

// Match implements Matcher.
func (m *Regexp) Match(b []byte, slots []int32) bool {
	loc := m.re.FindSubmatchIndex(b)
	if loc == nil {
		return false
	}
	for i := range m.x.caps {
		slots[2*i], slots[2*i+1] = int32(loc[2*i+2]), int32(loc[2*i+3])
	}
	return true
}

// Captures implements Matcher.
func (m *Regexp) Captures() []Capture { return m.x.caps }

// Stop implements Matcher.
func (m *Regexp) Stop(b []byte) Stop { return m.x.stop(b) }
