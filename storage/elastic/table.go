package elastic

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// A groupValue is one value that is grouped by, with what it is ordered by.
type groupValue struct {
	text    string
	kind    event.Kind
	missing bool
	n       int64 // Int, Time, Duration, Bool
	f       float64
	ip      event.IP
}

// missing is the group of the events that do not have the field. Of texts it is that of the empty text.
func missing(kind event.Kind) groupValue {
	return groupValue{kind: kind, missing: kind != event.Keyword && kind != event.Text}
}

func textValue(s string) groupValue { return groupValue{text: s, kind: event.Keyword} }

func numberValue(v float64) groupValue {
	return groupValue{text: event.Format(v), kind: event.Float, f: v}
}

func boolValue(v bool) groupValue {
	n := int64(0)
	if v {
		n = 1
	}
	return intValue(event.Bool, n)
}

func intValue(kind event.Kind, n int64) groupValue {
	g := groupValue{kind: kind, n: n}
	switch kind {
	case event.Time:
		g.text = event.Format(time.UnixMicro(n).UTC())
	case event.Duration:
		g.text = event.Format(time.Duration(n))
	case event.Bool:
		g.text = strconv.FormatBool(n != 0)
	default:
		g.text = strconv.FormatInt(n, 10)
	}
	return g
}

func addressValue(s string) (groupValue, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return groupValue{}, err
	}
	ip := event.IPFrom(a)
	return groupValue{text: ip.Addr().String(), kind: event.Address, ip: ip}, nil
}

// compare orders values of one field: texts byte by byte, numbers and addresses by value, what is missing last.
func (g groupValue) compare(o groupValue) int {
	switch {
	case g.missing || o.missing:
		return cmp.Compare(b2i(g.missing), b2i(o.missing))
	case g.kind == event.Address:
		return g.ip.Compare(o.ip)
	case g.kind == event.Float:
		return cmp.Compare(g.f, o.f)
	case g.kind == event.Keyword || g.kind == event.Text:
		return strings.Compare(g.text, o.text)
	}
	return cmp.Compare(g.n, o.n)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A table collects the groups of an aggregation.
type table struct {
	q    query.Agg
	rows map[string]*tableRow // by step and texts
	key  []byte
}

type tableRow struct {
	time   int64
	key    []groupValue
	count  int64
	values []float64
}

func newTable(q query.Agg) *table { return &table{q: q, rows: make(map[string]*tableRow)} }

// row returns the row of a group, a new one the first time.
func (t *table) row(step int64, key []groupValue) (r *tableRow, first bool, err error) {
	t.key = binary.BigEndian.AppendUint64(t.key[:0], uint64(step))
	t.key = appendKey(t.key, key)
	r = t.rows[string(t.key)]
	if r != nil {
		return r, false, nil
	}
	if len(t.rows) == mostGroups {
		return nil, false, fmt.Errorf("there are more than %d groups; narrow the query, or group by fewer fields", mostGroups)
	}
	r = &tableRow{time: step, key: slices.Clone(key)}
	t.rows[string(t.key)] = r
	return r, true, nil
}

func appendKey(b []byte, key []groupValue) []byte {
	for _, g := range key {
		b = binary.AppendUvarint(b, uint64(len(g.text)))
		b = append(b, g.text...)
	}
	return b
}

// add adds a group. One that comes twice is the same: texts that are missing and empty ones. It returns errLocal where
// their measures cannot be put together.
func (t *table) add(step int64, key []groupValue, count int64, values []float64) error {
	r, first, err := t.row(step, key)
	if err != nil {
		return err
	}
	r.count += count
	if first {
		r.values = values
		return nil
	}
	for i, m := range t.q.Values {
		a, b := r.values[i], values[i]
		switch {
		case math.IsNaN(b):
		case math.IsNaN(a):
			r.values[i] = b
		case m.Fn == "sum":
			r.values[i] += b
		case m.Fn == "min":
			r.values[i] = min(a, b)
		case m.Fn == "max":
			r.values[i] = max(a, b)
		default:
			return errLocal
		}
	}
	return nil
}

// table returns the rows in the order that storage.Reader has, without the groups beyond the limit.
func (t *table) table() storage.Table {
	out := storage.Table{By: t.q.By}
	if len(t.q.By) == 0 && t.q.Every == 0 {
		row := storage.TableRow{Key: []string{}, Values: slices.Repeat([]float64{math.NaN()}, len(t.q.Values))}
		for _, r := range t.rows {
			row.Count, row.Values = r.count, r.values
		}
		out.Rows = []storage.TableRow{row}
		return out
	}
	for _, r := range t.kept() {
		row := storage.TableRow{Time: r.time, Key: []string{}, Count: r.count, Values: r.values}
		for _, g := range r.key {
			row.Key = append(row.Key, g.text)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// kept returns the rows of the largest groups, in order.
func (t *table) kept() []*tableRow {
	byKey := func(a, b *tableRow) int { return slices.CompareFunc(a.key, b.key, groupValue.compare) }
	totals := make(map[string]*tableRow)
	for _, r := range t.rows {
		id := string(appendKey(nil, r.key))
		if totals[id] == nil {
			totals[id] = &tableRow{key: r.key}
		}
		totals[id].count += r.count
	}
	groups := make([]*tableRow, 0, len(totals))
	for _, g := range totals {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *tableRow) int { return cmp.Or(cmp.Compare(b.count, a.count), byKey(a, b)) })
	limit := t.q.Limit
	if limit <= 0 {
		limit = defaultGroups
	}
	kept := make(map[string]bool)
	for _, g := range groups[:min(limit, len(groups))] {
		kept[string(appendKey(nil, g.key))] = true
	}
	var rows []*tableRow
	for _, r := range t.rows {
		if len(t.q.By) == 0 || kept[string(appendKey(nil, r.key))] {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b *tableRow) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(b.count, a.count), byKey(a, b))
	})
	return rows
}

const defaultGroups = 1000
