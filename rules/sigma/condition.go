package sigma

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A node is a part of a rule's condition: one of allOf, anyOf, noneOf and *test.
type node interface{}

type (
	allOf  []node
	anyOf  []node
	noneOf struct{ of node }
)

// parseDetection returns the tree of a detection: its condition over its selections.
func parseDetection(detection map[string]yaml.Node) (node, error) {
	cond, ok := detection["condition"]
	if !ok {
		return nil, fmt.Errorf("detection has no condition")
	}
	if _, ok := detection["timeframe"]; ok {
		return nil, refuse("it counts in a timeframe, as Sigma did before it had correlations")
	}
	var conditions texts
	if err := cond.Decode(&conditions); err != nil {
		return nil, fmt.Errorf("condition: %w", err)
	}
	if len(conditions) == 0 {
		return nil, fmt.Errorf("the condition says nothing")
	}
	p := &conditionParser{selections: map[string]node{}}
	for _, name := range slices.Sorted(maps.Keys(detection)) {
		if name == "condition" {
			continue
		}
		n := detection[name]
		sel, err := selection(&n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.selections[name] = sel
	}
	var any anyOf
	for _, text := range conditions {
		if strings.Contains(text, "|") {
			return nil, refuse("it aggregates behind a |, as Sigma did before it had correlations")
		}
		n, err := p.parse(text)
		if err != nil {
			return nil, fmt.Errorf("condition %q: %w", text, err)
		}
		any = append(any, n)
	}
	return simplest(any), nil
}

// simplest returns the only alternative, or all.
func simplest(any anyOf) node {
	if len(any) == 1 {
		return any[0]
	}
	return any
}

// together returns what has to hold together, without parentheses within each other.
func together(all allOf) node {
	var out allOf
	for _, n := range all {
		if inner, ok := n.(allOf); ok {
			out = append(out, inner...)
		} else {
			out = append(out, n)
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return out
}

// A conditionParser reads conditions such as: selection and not 1 of filter_*.
type conditionParser struct {
	selections map[string]node
	words      []string
}

func (p *conditionParser) parse(text string) (node, error) {
	p.words = strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text))
	n, err := p.or(0)
	if err == nil && len(p.words) > 0 {
		err = fmt.Errorf("%q is too much", strings.Join(p.words, " "))
	}
	return n, err
}

// is takes the next word if it is this one.
func (p *conditionParser) is(word string) bool {
	if len(p.words) == 0 || !strings.EqualFold(p.words[0], word) {
		return false
	}
	p.words = p.words[1:]
	return true
}

func (p *conditionParser) or(depth int) (node, error) {
	var any anyOf
	for {
		n, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		if any = append(any, n); !p.is("or") {
			return simplest(any), nil
		}
	}
}

func (p *conditionParser) and(depth int) (node, error) {
	var all allOf
	for {
		n, err := p.not(depth)
		if err != nil {
			return nil, err
		}
		if all = append(all, n); !p.is("and") {
			break
		}
	}
	return together(all), nil
}

// maxDepth bounds the parentheses of a condition.
const maxDepth = 64

func (p *conditionParser) not(depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d parentheses within each other", maxDepth)
	}
	switch {
	case p.is("not"):
		n, err := p.not(depth + 1)
		return noneOf{n}, err
	case p.is("("):
		n, err := p.or(depth + 1)
		if err == nil && !p.is(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return n, err
	case len(p.words) == 0:
		return nil, fmt.Errorf("it ends where a selection should stand")
	}
	word := p.words[0]
	p.words = p.words[1:]
	if (word == "1" || strings.EqualFold(word, "any") || strings.EqualFold(word, "all")) && p.is("of") {
		return p.of(strings.EqualFold(word, "all"))
	}
	n, ok := p.selections[word]
	if !ok {
		return nil, fmt.Errorf("there is no selection %q", word)
	}
	return n, nil
}

// of reads what stands behind "1 of" and "all of".
func (p *conditionParser) of(all bool) (node, error) {
	if len(p.words) == 0 {
		return nil, fmt.Errorf("it ends behind of")
	}
	pattern := p.words[0]
	p.words = p.words[1:]
	var nodes []node
	for _, name := range slices.Sorted(maps.Keys(p.selections)) {
		them := pattern == "them" && !strings.HasPrefix(name, "_")
		if ok, err := path.Match(pattern, name); them || err == nil && ok {
			nodes = append(nodes, p.selections[name])
		}
	}
	switch {
	case len(nodes) == 0:
		return nil, fmt.Errorf("no selection is called %q", pattern)
	case len(nodes) == 1:
		return nodes[0], nil
	case all:
		return together(nodes), nil
	}
	return anyOf(nodes), nil
}

// selection returns the tree of a selection: a list holds alternatives, a map what has to hold together, and texts are keywords.
func selection(n *yaml.Node) (node, error) {
	switch n.Kind {
	case yaml.MappingNode:
		var all allOf
		for i := 0; i+1 < len(n.Content); i += 2 {
			t, err := newTest(n.Content[i].Value, n.Content[i+1])
			if err != nil {
				return nil, err
			}
			all = append(all, t)
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("no fields")
		}
		return together(all), nil
	case yaml.SequenceNode:
		var any anyOf
		for _, item := range n.Content {
			sel, err := selection(item)
			if err != nil {
				return nil, err
			}
			any = append(any, sel)
		}
		if len(any) == 0 {
			return nil, fmt.Errorf("an empty list")
		}
		return simplest(any), nil
	case yaml.ScalarNode:
		return newTest("", n)
	case yaml.AliasNode:
		return selection(n.Alias)
	}
	return nil, fmt.Errorf("neither a list nor fields")
}
