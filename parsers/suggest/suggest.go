// Package suggest makes up formats for logs that no format takes.
//
// It stands beside the parser and looks at the form of lines: what is a stamp, a level, a program, an address, a
// key=value pair. Lines of one form become one pattern. What it makes is the text of a format file, compiled and tried
// on the lines before anybody sees it, and meant to be read and finished by a person.
package suggest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// A Proposal is a format that was made up for lines.
type Proposal struct {
	TOML     string // the format file
	Lines    int    // that it was made for
	Taken    int    // that it takes, lines that continue others included
	Patterns int
	Left     []event.Shape     // of the lines that it does not take
	Events   []json.RawMessage // of the first lines, at most one for each pattern
}

// maxPatterns bounds the patterns of a proposal; lines of rarer forms share one that takes a stamp and a message.
const maxPatterns = 12

// Propose makes up a format called name for lines, which are those of the file called from. set is the formats that are
// there: the proposal uses their grok patterns and knows their fields.
func Propose(set *parsers.Set, name, from string, lines [][]byte) (Proposal, error) {
	sg := suggester{name: name, stamps: map[string]bool{}}
	sg.group(lines)
	if len(sg.groups) == 0 && sg.json == 0 {
		return Proposal{}, fmt.Errorf("%s holds no lines to make a format for", from)
	}
	out := Proposal{Lines: len(lines), Patterns: max(1, len(sg.groups))}
	body := sg.toml(lines)
	if err := out.try(set, name, from, body, lines); err != nil {
		return out, err
	}
	out.TOML = fmt.Sprintf("# Proposed by veritail suggest from %s: it takes %d of %d lines.\n"+
		"# Fields called app.* wait for names of yours; take out what you do not need, and name title and dataset.\n", comment(from), out.Taken, out.Lines) + body
	return out, nil
}

// try compiles the proposal and notes what it makes of the lines.
func (p *Proposal) try(set *parsers.Set, name, from, body string, lines [][]byte) error {
	alone, err := set.WithOnly(name, body)
	if err != nil {
		return fmt.Errorf("the proposal does not compile, which is a fault of Veritail: %w\n%s", err, body)
	}
	d, err := alone.NewDecoder(event.Generation{Path: from, Format: name}, parsers.Options{})
	if err != nil {
		return err
	}
	var b event.Batch
	d.Decode(&b, append(bytes.Join(lines, []byte("\n")), '\n'), 0)
	d.Flush(&b, time.Now(), true)
	defer b.Release()
	account := d.Mark().Lines
	p.Taken = int(account.Parsed + account.Ignored)
	p.Left = d.Told().Shapes
	for _, pg := range b.Pages {
		for i := range pg.N {
			if !pg.Unparsed.Has(i) && len(p.Events) < maxPatterns {
				p.Events = append(p.Events, pg.Row(i).AppendJSON(nil))
			}
		}
	}
	return nil
}

// comment makes a text fit for a comment.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '.'
		}
		return r
	}, text)
}
