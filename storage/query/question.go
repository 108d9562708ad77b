package query

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A Question is a search as people write it: a condition, and behind a | what is asked of the events that match.
type Question struct {
	Where Expr
	Agg   *Agg // nil: the events themselves; else its Where is the condition

	Condition, Asked string // what stands before and behind the |, as it was written
}

// The bounds of what is asked behind a |.
const (
	MaxMeasures = 20
	MaxBy       = 8
	MaxGroups   = 10000
)

// Functions are the names of what is measured of a field. Distinct values are counted of any field; the others are of
// numbers, of a keyword those values that are numbers.
var Functions = []string{"sum", "avg", "min", "max", "p50", "p95", "p99", "distinct"}

// ParseQuestion reads a condition, as Parse does, and what is asked behind it:
//
//	event.outcome:failure | count by source.ip, user.name limit 20
//	event.dataset:nginx.access | p95(event.duration), avg(event.duration) by url.path every 1h
//	event.outcome:failure | count every 1d zone Europe/Berlin
//
// Steps of time are of the zone of now where none is named.
// An error is an *Error.
func ParseQuestion(text string, schema *event.Schema, now time.Time) (Question, error) {
	p, e, err := parse(text, schema, now)
	if err != nil {
		return Question{}, err
	}
	q := Question{Where: e, Condition: strings.TrimSpace(text[:p.pos])}
	if p.end() {
		return q, nil
	}
	p.pos++ // the |
	q.Asked = strings.TrimSpace(text[p.pos:])
	q.Agg = &Agg{Where: e}
	if err := p.asked(q.Agg); err != nil {
		return Question{}, err
	}
	return q, nil
}

// asked reads measures, then by, every and limit, each at most once and in any order.
func (p *parser) asked(a *Agg) error {
	if err := p.measures(a); err != nil {
		return err
	}
	var had []string
	for {
		p.space()
		at := p.pos
		if p.end() {
			return nil
		}
		word, err := p.askedWord()
		if err != nil {
			return err
		}
		if slices.Contains(had, word) {
			return fail(at, "write it once: "+twice[word], "%s stands twice", word)
		}
		had = append(had, word)
		switch word {
		case "by":
			err = p.groups(a)
		case "every":
			a.Every, a.Zone, err = p.step()
		case "limit":
			a.Limit, err = p.limit()
		default:
			repair := "by field, every 1h and limit 10 may follow"
			if p.text[at] == '|' {
				repair = "one | is enough; " + repair
			}
			return fail(at, repair, "%s is not expected here", quoteEmpty(word))
		}
		if err != nil {
			return err
		}
	}
}

// askedWord reads a word of what is asked, in small letters.
func (p *parser) askedWord() (string, error) {
	at := p.pos
	if _, err := p.word(askedStops); err != nil {
		return "", err
	}
	if p.pos == at && !p.end() {
		return p.text[at : at+1], nil
	}
	return strings.ToLower(p.text[at:p.pos]), nil
}

// measures reads count, or measures with commas between.
func (p *parser) measures(a *Agg) error {
	for {
		p.space()
		at := p.pos
		word, err := p.askedWord()
		if err != nil {
			return err
		}
		p.space()
		switch {
		case word == "count":
			if p.peek() == '(' {
				return fail(p.pos, "write count, and narrow the query by field:* to count the events that have it", "count takes no field")
			}
		case slices.Contains(Functions, word):
			m, err := p.measure(word)
			if err != nil {
				return err
			}
			if a.Values = append(a.Values, m); len(a.Values) > MaxMeasures {
				return fail(at, "leave it out, and ask for it in a query of its own", "at most %d measures are asked for at once", MaxMeasures)
			}
		default:
			return fail(at, "write count, or one of "+strings.Join(Functions, ", ")+" with a field: p95(event.duration); to find either of two conditions, write or",
				"%s is nothing that can be asked for", quoteEmpty(word))
		}
		if p.space(); p.peek() != ',' {
			return nil
		}
		p.pos++
	}
}

// measure reads the ( field ) of fn.
func (p *parser) measure(fn string) (Measure, error) {
	if p.peek() != '(' {
		return Measure{}, fail(p.pos, "write "+fn+"(event.duration)", "%s needs a field", fn)
	}
	p.pos++
	p.space()
	at := p.pos
	name, err := p.name(groupStops)
	if err != nil {
		return Measure{}, err
	}
	p.space()
	if p.peek() != ')' {
		return Measure{}, fail(p.pos, "write "+fn+"("+clip(name)+")", "%s takes one field", fn)
	}
	p.pos++
	f := p.field(name, at)
	if fn != "distinct" && (f.kind == event.Text || f.kind == event.Address) {
		return Measure{}, fail(at, "write distinct("+clip(name)+")", "%s is of kind %s, which has no %s", clip(name), f.kind, fn)
	}
	return Measure{Fn: fn, Field: name}, nil
}

// twice is how several values are written of what may stand once.
var twice = map[string]string{"by": "by source.ip, user.name", "every": "every 1h", "limit": "limit 10"}

// groups reads the fields after by.
func (p *parser) groups(a *Agg) error {
	for {
		p.space()
		at := p.pos
		name, err := p.name(groupStops)
		if err != nil {
			return err
		}
		if a.By = append(a.By, name); len(a.By) > MaxBy {
			return fail(at, "leave it out, or narrow the query to one value of it", "events are grouped by at most %d fields", MaxBy)
		}
		if p.space(); p.peek() != ',' {
			return nil
		}
		p.pos++
	}
}

// step reads the length of steps of time and, behind it, zone and its name.
func (p *parser) step() (time.Duration, *time.Location, error) {
	p.space()
	at := p.pos
	word, err := p.askedWord()
	if err != nil {
		return 0, nil, err
	}
	d, ok := parseDuration(word)
	if !ok || d < time.Second || d%time.Second != 0 {
		return 0, nil, fail(at, "write every 1m, every 1h or every 1d", "%s is no step of time of whole seconds", quoteEmpty(word))
	}
	if !Divides(d) {
		return 0, nil, fail(at, "write every 5m, every 6h or every 7d", "%s neither divides a day nor is whole days", word)
	}
	p.space()
	at = p.pos
	if word, err = p.askedWord(); err != nil || word != "zone" {
		p.pos = at
		return d, p.now.Location(), err
	}
	z, err := p.zone()
	return d, z, err
}

func (p *parser) zone() (*time.Location, error) {
	p.space()
	at := p.pos
	if _, err := p.word(askedStops); err != nil {
		return nil, err
	}
	name := p.text[at:p.pos]
	z, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return nil, fail(at, "write a name of the time zone database, as zone Europe/Berlin or zone UTC", "%s is no time zone", quoteEmpty(name))
	}
	return z, nil
}

func (p *parser) limit() (int, error) {
	p.space()
	at := p.pos
	word, err := p.askedWord()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 || n > MaxGroups {
		return 0, fail(at, "write limit 10", "%s is no number of groups from 1 to %d", quoteEmpty(word), MaxGroups)
	}
	return n, nil
}

// String prints a question so that ParseQuestion makes the same of it, as String does with a condition.
func (q Question) String() string {
	b := appendExpr(nil, q.Where, 0)
	if q.Agg == nil {
		return string(b)
	}
	b = append(b, " | "...)
	if len(q.Agg.Values) == 0 {
		b = append(b, "count"...)
	}
	for i, m := range q.Agg.Values {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, m.String()...)
	}
	for i, name := range q.Agg.By {
		sep := ", "
		if i == 0 {
			sep = " by "
		}
		b = appendName(append(b, sep...), name)
	}
	if q.Agg.Every != 0 {
		b = append(b, " every "+q.Agg.Every.String()...)
		if name := q.Agg.Zone.String(); named(name) {
			b = append(b, " zone "+name...)
		}
	}
	if q.Agg.Limit != 0 {
		b = strconv.AppendInt(append(b, " limit "...), int64(q.Agg.Limit), 10)
	}
	return string(b)
}

// named reports whether a zone has a name that ParseQuestion takes.
func named(zone string) bool {
	_, err := time.LoadLocation(zone)
	return err == nil
}

// String returns the measure as a question has it: p95(event.duration).
func (m Measure) String() string { return string(append(appendName([]byte(m.Fn+"("), m.Field), ')')) }
