package query

import (
	"strings"
	"time"
)

// A moment is a time as it was written: the instants from ≤ t < to. A day written as such lasts a day, a minute a
// minute, a second a second; a time with a fraction, and one that counts from now, is a single instant (exact).
type moment struct {
	from, to int64 // µs
	exact    bool
}

// layouts are the absolute times and how long what they write lasts; the zone is optional where there is a clock.
var layouts = []struct {
	layout string
	lasts  time.Duration
}{
	{"2006-01-02T15:04:05Z07:00", time.Second},
	{"2006-01-02T15:04:05", time.Second},
	{"2006-01-02T15:04Z07:00", time.Minute},
	{"2006-01-02T15:04", time.Minute},
}

// moment reads a time operand.
func (p *parser) moment(o operand) (moment, error) {
	word := strings.ToLower(o.text)
	if ago, ok := strings.CutPrefix(word, "now"); ok {
		d, ok := parseDuration(strings.TrimPrefix(ago, "+"))
		if ago == "" || ok && (ago[0] == '+' || ago[0] == '-') {
			t := p.now.Add(d).UnixMicro()
			return moment{t, t, true}, nil
		}
	}
	y, m, d := p.now.Date()
	switch word {
	case "today":
		return p.day(y, m, d), nil
	case "yesterday":
		return p.day(y, m, d-1), nil
	}
	if t, err := time.Parse("2006-01-02", o.text); err == nil && inRange(t) {
		return p.day(t.Date()), nil
	}
	// RFC 3339 allows a space and small letters.
	text := strings.Replace(strings.ToUpper(o.text), " ", "T", 1)
	for _, l := range layouts {
		t, err := time.ParseInLocation(l.layout, text, p.now.Location())
		if err != nil || !inRange(t) {
			continue
		}
		from := t.UnixMicro()
		if strings.ContainsAny(text, ".,") {
			return moment{from, from, true}, nil
		}
		return moment{from: from, to: from + l.lasts.Microseconds()}, nil
	}
	return moment{}, fail(o.at, "write now-15m, today, yesterday, 2026-11-23 or 2026-11-23T10:00:00Z", "%s is no time", show(o))
}

// inRange keeps times within what RFC 3339 can write in every zone.
func inRange(t time.Time) bool { return t.Year() > 0 && t.Year() < 9999 }

// day returns a whole day of now's zone.
func (p *parser) day(y int, m time.Month, d int) moment {
	loc := p.now.Location()
	return moment{from: time.Date(y, m, d, 0, 0, 0, 0, loc).UnixMicro(), to: time.Date(y, m, d+1, 0, 0, 0, 0, loc).UnixMicro()}
}

// timeTest makes one test of an instant in µs.
func (p *parser) timeTest(f field, op Op, t int64) (Expr, error) {
	test, err := p.newTest(f, op)
	if err != nil {
		return nil, err
	}
	test.Int, test.Str = t, formatTime(t)
	return test, nil
}

func formatTime(t int64) string {
	return time.UnixMicro(t).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
}

// during makes the test of field:time.
func (p *parser) during(f field, o operand) (Expr, error) {
	m, err := p.moment(o)
	if err != nil {
		return nil, err
	}
	if m.exact {
		return p.timeTest(f, Equal, m.from)
	}
	from, err := p.timeTest(f, MoreEq, m.from)
	if err != nil {
		return nil, err
	}
	to, err := p.timeTest(f, Less, m.to)
	if err != nil {
		return nil, err
	}
	return And{from, to}, nil
}

// timeOrder makes an ordered comparison with a time: later than a day is after its end.
func (p *parser) timeOrder(f field, op string, o operand) (Expr, error) {
	m, err := p.moment(o)
	if err != nil {
		return nil, err
	}
	switch {
	case m.exact || op == "<" || op == ">=":
		return p.timeTest(f, orderOps[op], m.from)
	case op == ">":
		return p.timeTest(f, MoreEq, m.to)
	}
	return p.timeTest(f, Less, m.to)
}
