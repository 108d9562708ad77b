package sigma

import (
	"fmt"
	"io/fs"
	"text/template"

	"github.com/saypro/veritail/configs"
)

// A Source is what Veritail has of a log source: [[source]] of sigma.toml.
type Source struct {
	Product  string `toml:"product"` // "*": any
	Category string `toml:"category"`
	Service  string `toml:"service"` // "*": any

	When     string              `toml:"when"` // a query that holds for all events of the source
	Group    string              `toml:"group"`
	Format   string              `toml:"format"`  // of the lines of tests
	Line     string              `toml:"line"`    // a template of one: see sample
	Default  map[string]string   `toml:"default"` // what stands in it for a field that the rule does not ask for
	Glue     map[string]string   `toml:"glue"`    // what stands between texts that a field has to hold
	Fields   map[string][]string `toml:"fields"`  // Sigma's name → ours; a test holds if it does of one of them
	Keywords []string            `toml:"keywords"`
	Any      bool                `toml:"any"`     // a field that is not in Fields is one of the event's own
	Values   map[string]values   `toml:"values"`  // of a field that is none of ours: the query of each value
	Around   map[string]around   `toml:"around"`  // of fields that are a part of ours
	Missing  map[string]string   `toml:"missing"` // fields without a counterpart, and why

	line *template.Template
}

// around are the expressions between which a value stands.
type around struct {
	Before string `toml:"before"`
	Behind string `toml:"behind"`
}

// values are queries by value, in capitals.
type values map[string]string

// loadSources reads sigma.toml.
func loadSources(fsys fs.FS) ([]Source, error) {
	const file = "sigma.toml"
	var f struct {
		Source []Source `toml:"source"`
	}
	if err := configs.Decode(fsys, file, &f); err != nil {
		return nil, err
	}
	for i := range f.Source {
		s := &f.Source[i]
		var err error
		if s.line, err = template.New("line").Funcs((&sample{}).functions()).Parse(s.Line); err != nil {
			return nil, fmt.Errorf("%s: source %d: line: %w", file, i+1, err)
		}
	}
	return f.Source, nil
}

// source returns the source of a rule. "application" says nothing that the product does not.
func (c *Converter) source(l logSource) (*Source, error) {
	if l.Category == "application" && l.Product != "" {
		l.Category = ""
	}
	for i := range c.sources {
		s := &c.sources[i]
		if (s.Product == l.Product || s.Product == "*") && s.Category == l.Category && (s.Service == l.Service || s.Service == "*") {
			return s, nil
		}
	}
	return nil, refuse("a log source that Veritail has no format for: %s", l)
}
