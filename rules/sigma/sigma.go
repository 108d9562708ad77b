// Package sigma turns Sigma rules (https://sigmahq.io/sigma-specification) into rules of Veritail.
//
// It stands beside the flow: `veritail import sigma` reads rules of others with it and writes a rule file, which an operator reads,
// changes and puts into the configuration. What Sigma calls a log source and its fields, and which line of which format is one of
// it, is data (configs/sigma.toml). Each rule that comes out has two tests, a line made for it and a near miss; one for which no
// such lines can be made is refused with the reason, like one that asks for what no log has.
package sigma

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
)

// A Rule is a converted rule.
type Rule struct {
	rules.Rule
	Origin Origin

	source *Source
	made   *sample // of the line that it finds
}

// Origin says where a converted rule comes from. Its licence wants it to be kept.
type Origin struct {
	File, Title, ID, Author string
}

// Refused is a Sigma rule that could not be converted.
type Refused struct {
	File   string `json:"file"`
	Title  string `json:"title"`
	Reason string `json:"reason"`
}

// Result is what became of the rules of some files.
type Result struct {
	Rules   []Rule
	Refused []Refused
}

// Reasons counts the refused rules by reason, the most frequent first.
func (r *Result) Reasons() []Reason {
	count := map[string]int{}
	for _, x := range r.Refused {
		count[x.Reason]++
	}
	var out []Reason
	for _, text := range slices.Sorted(maps.Keys(count)) {
		out = append(out, Reason{text, count[text]})
	}
	slices.SortStableFunc(out, func(a, b Reason) int { return cmp.Compare(b.Rules, a.Rules) })
	return out
}

// A Reason is why some rules were refused.
type Reason struct {
	Text  string `json:"reason"`
	Rules int    `json:"rules"`
}

// A Converter converts rules. It belongs to one goroutine.
type Converter struct {
	sources []Source
	schema  *event.Schema
	// decode makes events of a test's lines.
	decode rules.Decode
	ids    map[string]bool // those that have been given
}

// New returns a converter with the log sources of sigma.toml in fsys.
func New(fsys fs.FS, schema *event.Schema, decode rules.Decode) (*Converter, error) {
	sources, err := loadSources(fsys)
	if err != nil {
		return nil, err
	}
	return &Converter{sources: sources, schema: schema, decode: decode, ids: map[string]bool{}}, nil
}

// Convert adds to r what becomes of a file of Sigma rules, which may hold several. The error is of a file that is none.
func (c *Converter) Convert(r *Result, file string, text []byte) error {
	docs, err := read(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	named := map[string]*Rule{} // by name and id: correlations ask for them
	asked := map[*Rule]bool{}   // by a correlation, and tell nothing themselves
	var made []*Rule
	for _, d := range docs {
		out, err := c.convert(&d, named)
		if err != nil {
			var why refusal
			if !errors.As(err, &why) {
				return fmt.Errorf("%s: %q: %w", file, d.Title, err)
			}
			r.Refused = append(r.Refused, Refused{file, d.Title, why.Error()})
			continue
		}
		out.Origin.File = file
		named[d.Name], named[d.ID] = out, out
		made = append(made, out)
		if d.Correlation != nil && !d.Correlation.Generate {
			for _, name := range d.Correlation.Rules {
				asked[named[name]] = true
			}
		}
	}
	for _, one := range made {
		if !asked[one] {
			r.Rules = append(r.Rules, *one)
		}
	}
	return nil
}

// A refusal is why a rule cannot be converted. Its text is the same for rules that are refused for the same.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// levels are the severities of Sigma's levels.
var levels = map[string]string{"": "medium", "informational": "info", "low": "low", "medium": "medium", "high": "high", "critical": "critical"}

func (c *Converter) convert(d *document, named map[string]*Rule) (*Rule, error) {
	severity, ok := levels[d.Level]
	if !ok {
		return nil, fmt.Errorf("level: %q is none of Sigma's", d.Level)
	}
	if strings.TrimSpace(d.Title) == "" {
		return nil, errors.New("it has no title")
	}
	out := &Rule{Origin: Origin{Title: d.Title, ID: d.ID, Author: d.Author}}
	out.ID, out.Title, out.Severity = c.id(d.Title), harmless(d.Title), severity
	out.Audience, out.Runbook = []string{"security"}, runbook(d)
	for _, tag := range d.Tags {
		if rules.IsTag(tag) {
			out.Tags = append(out.Tags, tag)
		}
	}
	for _, ref := range d.References {
		if u, err := url.Parse(ref); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
			out.Refs = append(out.Refs, ref)
		}
	}
	if d.Correlation != nil {
		return out, c.correlate(out, d.Correlation, named)
	}
	source, err := c.source(d.LogSource)
	if err != nil {
		return nil, err
	}
	tree, err := parseDetection(d.Detection)
	if err != nil {
		return nil, err
	}
	when, err := c.query(tree, source)
	if err != nil {
		return nil, err
	}
	if source.When != "" {
		if all, ok := tree.(allOf); ok && len(all) > 1 {
			when = strings.TrimSuffix(strings.TrimPrefix(when, "("), ")")
		}
		when = source.When + " and " + when
	}
	out.When, out.Group, out.source = when, source.Group, source
	return out, c.addTests(out, source, tree)
}

// id returns a new id for a rule of a title.
func (c *Converter) id(title string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
		if b.Len() > 0 {
			b.WriteByte('-')
		}
		b.WriteString(word)
	}
	id := "sigma." + b.String()
	for n := 2; c.ids[id]; n++ {
		id = fmt.Sprintf("sigma.%s-%d", b.String(), n)
	}
	c.ids[id] = true
	return id
}

// harmless takes from a text of others what would be a template.
func harmless(text string) string { return strings.NewReplacer("{{", "{ {", "}}", "} }").Replace(text) }

// runbook says what Sigma says of a rule.
func runbook(d *document) string {
	text := strings.Join(strings.Fields(d.Description), " ")
	if text == "" {
		text = d.Title
	}
	if len(d.FalsePositives) > 0 {
		text += " It may be: " + strings.TrimRight(strings.Join(d.FalsePositives, "; "), ".") + "."
	}
	return harmless(text)
}

// asRule returns the rule for its tests.
func (r *Rule) asRule() rules.Rule {
	out := r.Rule
	out.File = r.Origin.File
	return out
}
