package rules

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
)

// An Event is one event of a test, as a table: its fields, and with at, times and every when it is.
type Event = map[string]any

// The keys of an event that are no fields.
const (
	keyAt    = "at"    // how long after the test's beginning: "5m"
	keyTimes = "times" // so many of it
	keyEvery = "every" // so long apart: "10s"
)

// testBegins is when tests begin whose events say how long after: a Monday.
var testBegins = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// maxEvents bounds those of a test.
const maxEvents = 100_000

// An example makes the pages of a test's events.
type example struct {
	rule   *Rule
	key    string // of the events, for faults
	schema *event.Schema
	pages  []*event.Page
	count  int
}

// EventsOf returns the events of the rule's test number n, a page each, in the order of their time; none of a test of lines.
func (r *Rule) EventsOf(n int, schema *event.Schema) ([]*event.Page, error) {
	x := &example{rule: r, schema: schema}
	for i, e := range r.Tests[n].Events {
		x.key = fmt.Sprintf("test[%d].events[%d]", n, i)
		if err := x.add(e); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(x.pages, func(a, b *event.Page) int { return cmp.Compare(a.Time(0), b.Time(0)) })
	for i, p := range x.pages {
		p.Spans[0].Off = int64(i)
	}
	return x.pages, nil
}

// add adds an event, as often as it is.
func (x *example) add(e Event) error {
	at, err := x.duration(e, keyAt)
	if err != nil {
		return err
	}
	every, err := x.duration(e, keyEvery)
	if err != nil {
		return err
	}
	times := int64(1)
	if v, ok := e[keyTimes]; ok {
		if times, ok = v.(int64); !ok || times < 1 {
			return x.rule.fault(x.key+"."+keyTimes, "want a whole number, at least 1")
		}
	}
	if x.count += int(min(times, maxEvents+1)); x.count > maxEvents {
		return x.rule.fault(x.key, "a test has at most %d events", maxEvents)
	}
	fields := map[string]any{}
	flatten("", e, fields)
	for i := range times {
		if err := x.page(fields, testBegins.Add(at+time.Duration(i)*every)); err != nil {
			return err
		}
	}
	return nil
}

func (x *example) duration(e Event, key string) (time.Duration, error) {
	v, ok := e[key]
	if !ok {
		return 0, nil
	}
	if text, ok := v.(string); ok {
		if d, err := parseOffset(text); err == nil {
			return d, nil
		}
	}
	return 0, x.rule.fault(x.key+"."+key, "%v is no time after the test's beginning; want one as \"90s\", \"10m\" or \"2d\"", v)
}

// parseOffset reads a duration, which may have days.
func parseOffset(text string) (time.Duration, error) {
	var d configs.Duration
	err := d.UnmarshalText([]byte(text))
	return time.Duration(d), err
}

// flatten gives fields the names of tables within tables: user.name.
func flatten(name string, v any, into map[string]any) {
	table, ok := v.(map[string]any)
	if !ok {
		into[name] = v
		return
	}
	for k, sub := range table {
		switch {
		case name != "":
			flatten(name+"."+k, sub, into)
		case k != keyAt && k != keyTimes && k != keyEvery:
			flatten(k, sub, into)
		}
	}
}

// page makes a page of one event.
func (x *example) page(fields map[string]any, at time.Time) error {
	p := &event.Page{Schema: x.schema, Arena: &event.Arena{}, Gen: 1, Path: "test"}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		words = append(words, fmt.Sprintf("%s=%v", name, fields[name]))
	}
	raw := at.Format(time.RFC3339) + " " + strings.Join(words, " ")
	row := p.AddRow(p.Arena.PutString(raw), 1, []event.Span{{Len: int32(len(raw))}})
	p.SetInt(row, event.FieldTime, at.UnixMicro())
	p.SetStr(row, event.FieldHost, p.Arena.PutString("test"))
	var extra []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		v := fields[name]
		f, known := x.schema.Lookup(name)
		if !known {
			extra = append(extra, fmt.Sprintf("%q:%q", name, fmt.Sprint(v)))
			continue
		}
		if !setField(p, row, f, v) {
			return x.rule.fault(x.key+"."+name, "%v is no value of %s, which is of kind %s", v, name, x.schema.Def(f).Kind)
		}
	}
	if extra != nil {
		p.Extra[row] = p.Arena.PutString("{" + strings.Join(extra, ",") + "}")
	}
	p.Complete()
	x.pages = append(x.pages, p)
	return nil
}

// setField sets a field to a value as TOML gives it, and reports whether it is one of the field's kind.
func setField(p *event.Page, row int, f event.Field, v any) bool {
	text := fmt.Sprint(v)
	switch f {
	case event.FieldDataset:
		p.Data = text
		return true
	case event.FieldSite:
		p.Site = text
		return true
	case event.FieldPath:
		p.Path = text
		return true
	}
	switch p.Schema.Def(f).Kind {
	case event.Keyword, event.Text:
		p.SetStr(row, f, p.Arena.PutString(text))
	case event.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		p.SetInt(row, f, n)
		return err == nil
	case event.Float:
		n, err := strconv.ParseFloat(text, 64)
		p.SetFloat(row, f, n)
		return err == nil && !math.IsNaN(n)
	case event.Duration:
		d, err := parseOffset(text)
		p.SetInt(row, f, int64(d))
		return err == nil
	case event.Address:
		ip, err := netip.ParseAddr(text)
		if err == nil {
			p.SetIP(row, f, event.IPFrom(ip))
		}
		return err == nil
	case event.Bool:
		b, err := strconv.ParseBool(text)
		if b {
			p.SetInt(row, f, 1)
		}
		return err == nil
	default:
		return false
	}
	return true
}
