package sigma

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/rules"
)

// spans are the units of a correlation's timespan.
var spans = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}

// correlate makes r the rule of a correlation: how often others are met in a time.
func (c *Converter) correlate(r *Rule, d *correlation, named map[string]*Rule) error {
	ordered := d.Type == "temporal_ordered"
	if !ordered && d.Type != "event_count" && d.Type != "value_count" {
		return refuse("a correlation of type %s", d.Type)
	}
	count, field, err := 1, "", error(nil)
	if !ordered {
		if count, field, err = d.least(); err != nil {
			return err
		}
	}
	within, err := timespan(d.Timespan)
	if err != nil {
		return err
	}
	var first *Rule
	var whens []string
	for _, name := range d.Rules {
		base := named[name]
		switch {
		case base == nil:
			return refuse("a correlation of a rule that is not here or could not be converted")
		case base.made == nil:
			return refuse("a correlation of a correlation")
		}
		if first == nil {
			first = base
		}
		if base.source != first.source {
			return refuse("a correlation of rules about several log sources")
		}
		whens = append(whens, base.When.(string))
	}
	if first == nil {
		return fmt.Errorf("correlation: it names no rules")
	}
	r.source, r.Group = first.source, first.Group
	if len(d.GroupBy) > 0 {
		if r.Group, err = r.source.group(d.GroupBy); err != nil {
			return err
		}
	}
	if ordered {
		r.Sequence = &rules.Sequence{Within: configs.Duration(within)}
		for _, when := range whens {
			r.Sequence.Steps = append(r.Sequence.Steps, rules.Step{When: when})
		}
		return c.orderTests(r, d, named)
	}
	r.When = bracketed(whens, " or ")
	r.Threshold = &rules.Threshold{Count: count, Within: configs.Duration(within)}
	r.Rearm = configs.Duration(within)
	if d.Type == "value_count" {
		fields, err := r.source.fieldsOf(field)
		if err != nil {
			return err
		}
		r.Threshold.Distinct = strings.Join(fields, "|")
	}
	return c.repeatTests(r, first, d, field, count)
}

// least returns the number that a correlation wants at least, and the field whose values it counts.
func (d *correlation) least() (int, string, error) {
	var cond map[string]string
	if err := d.Condition.Decode(&cond); err != nil {
		return 0, "", fmt.Errorf("correlation: condition: %w", err)
	}
	field := cond["field"]
	delete(cond, "field")
	if len(cond) != 1 {
		return 0, "", refuse("a correlation with several bounds")
	}
	for _, op := range slices.Sorted(maps.Keys(cond)) {
		n, err := strconv.Atoi(cond[op])
		switch {
		case err != nil:
			return 0, "", fmt.Errorf("correlation: condition: %s: %w", op, err)
		case op == "gte" && n > 0:
			return n, field, nil
		case op == "gt" && n >= 0:
			return n + 1, field, nil
		}
	}
	return 0, "", refuse("a correlation that wants few events, not many")
}

func timespan(text string) (time.Duration, error) {
	if text == "" {
		return 0, fmt.Errorf("correlation: it has no timespan")
	}
	unit, known := spans[text[len(text)-1]]
	n, err := strconv.Atoi(text[:len(text)-1])
	if !known || err != nil || n < 1 || n > 10_000 {
		return 0, fmt.Errorf("correlation: timespan: %q is none, such as 5m", text)
	}
	return time.Duration(n) * unit, nil
}

// group returns how occurrences are told apart by Sigma's fields.
func (s *Source) group(by []string) (string, error) {
	var parts []string
	for _, name := range by {
		fields, err := s.fieldsOf(name)
		if err != nil {
			return "", err
		}
		parts = append(parts, strings.Join(fields, "|"))
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return "{{" + strings.Join(parts, "}} {{") + "}}", nil
}

// repeatTests makes the tests of a correlation: its rule's line as often as it has to come, and once less.
func (c *Converter) repeatTests(r, base *Rule, d *correlation, field string, count int) error {
	const most = 200
	if count > most {
		return refuse("a correlation of more than %d events", most)
	}
	var lines []string
	for i := range count {
		m := *base.made
		m.fields = maps.Clone(m.fields)
		if d.Type == "value_count" {
			f := fit{whole: true, exact: m.text(field) + strconv.Itoa(i)}
			m.fields[field] = &f
		}
		line, err := m.line()
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	return c.keepTests(r, "as often as it has to come", lines, "once less", lines[1:])
}

// orderTests makes the tests of a sequence: the lines of its rules in their order, and without the first.
func (c *Converter) orderTests(r *Rule, d *correlation, named map[string]*Rule) error {
	var lines []string
	for _, name := range d.Rules {
		line, err := named[name].made.line()
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	return c.keepTests(r, "one after the other", lines, "without the first", lines[1:])
}

// keepTests gives r two tests, of which it has to find the first.
func (c *Converter) keepTests(r *Rule, name string, found []string, nearName string, near []string) error {
	format := r.source.Format
	r.Tests = []rules.Test{
		testOf(name, format, strings.Join(found, "\n"), 1),
		testOf(nearName, format, strings.Join(near, "\n"), 0),
	}
	_, failures, err := rules.Check([]rules.Rule{r.asRule()}, c.schema, c.decode)
	if err == nil && len(failures) > 0 {
		err = refuse("no line could be made that it finds, with one beside that it does not")
	}
	return err
}
