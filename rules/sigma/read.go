package sigma

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// A document is one rule of a Sigma file.
type document struct {
	Title          string               `yaml:"title"`
	ID             string               `yaml:"id"`
	Name           string               `yaml:"name"`
	Description    string               `yaml:"description"`
	Author         string               `yaml:"author"`
	References     texts                `yaml:"references"`
	Tags           texts                `yaml:"tags"`
	FalsePositives texts                `yaml:"falsepositives"`
	Level          string               `yaml:"level"`
	LogSource      logSource            `yaml:"logsource"`
	Detection      map[string]yaml.Node `yaml:"detection"`
	Correlation    *correlation         `yaml:"correlation"`
}

// A logSource is what a rule is about.
type logSource struct {
	Product  string `yaml:"product"`
	Category string `yaml:"category"`
	Service  string `yaml:"service"`
}

func (l logSource) String() string {
	var b bytes.Buffer
	for _, part := range []struct{ key, value string }{{"product", l.Product}, {"category", l.Category}, {"service", l.Service}} {
		if part.value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %s", part.key, part.value)
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}

// A correlation counts occurrences of other rules.
type correlation struct {
	Type      string    `yaml:"type"`
	Rules     texts     `yaml:"rules"`
	GroupBy   texts     `yaml:"group-by"`
	Timespan  string    `yaml:"timespan"`
	Condition yaml.Node `yaml:"condition"`
	Generate  bool      `yaml:"generate"` // its rules find something by themselves, too
}

// texts is one text or a list of them.
type texts []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *texts) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if n.Tag != "!!null" {
			*t = texts{n.Value}
		}
		return nil
	}
	var list []string
	if err := n.Decode(&list); err != nil {
		return err
	}
	*t = list
	return nil
}

// maxFile bounds a Sigma file: the largest of SigmaHQ has some 60 KB.
const maxFile = 4 << 20

// read returns the rules of a file.
func read(text []byte) ([]document, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that a Sigma file may have", len(text), maxFile)
	}
	var docs []document
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var d document
		err := dec.Decode(&d)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if d.Detection == nil && d.Correlation == nil {
			if d.Title == "" {
				continue // an empty document
			}
			return nil, fmt.Errorf("%q has neither detection nor correlation: it is no Sigma rule", d.Title)
		}
		docs = append(docs, d)
	}
	if len(docs) == 0 {
		return nil, errors.New("it holds no Sigma rule")
	}
	return docs, nil
}
