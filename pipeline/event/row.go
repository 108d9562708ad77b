package event

import (
	"encoding/json"
	"strconv"
	"time"
)

// A Row is one event of a page, for explain, templates and tests; the hot path works on columns.
type Row struct {
	Page *Page
	I    int
}

// Value returns the value of f: string, int64, float64, bool, time.Time (UTC), time.Duration or netip.Addr, and
// false where the event does not have it.
func (r Row) Value(f Field) (any, bool) {
	p := r.Page
	switch f {
	case FieldDataset:
		return p.Data, p.Data != ""
	case FieldSite:
		return p.Site, p.Site != ""
	case FieldFormat:
		return p.Format, p.Format != ""
	case FieldPath:
		return p.Path, p.Path != ""
	case FieldOffset:
		return p.Offset(r.I), true
	case FieldOriginal:
		return string(p.Bytes(p.Raw[r.I])), true
	case FieldUnparsed:
		return true, p.Unparsed.Has(r.I)
	}
	c := p.Column(f)
	if c == nil || !c.Valid.Has(r.I) {
		return nil, false
	}
	switch c.Kind {
	case Keyword, Text:
		return string(p.Bytes(c.Str[r.I])), true
	case Float:
		return c.Float[r.I], true
	case Address:
		return c.IP[r.I].Addr(), true
	case Time:
		return time.UnixMicro(c.Int[r.I]).UTC(), true
	case Duration:
		return time.Duration(c.Int[r.I]), true
	case Bool:
		return c.Int[r.I] != 0, true
	}
	return c.Int[r.I], true
}

// Text returns the value of f as it is written in groups, messages and tables, and false where there is none.
func (r Row) Text(f Field) (string, bool) {
	v, ok := r.Value(f)
	if !ok {
		return "", false
	}
	return Format(v), true
}

// Get returns the value of the field called name, looking in the columns and then in the row's JSON object.
func (r Row) Get(name string) (any, bool) {
	if f, ok := r.Page.Schema.Lookup(name); ok {
		return r.Value(f)
	}
	extra := r.Extra()
	v, ok := extra[name]
	return v, ok
}

// Extra returns the fields without a column, nil where there are none.
func (r Row) Extra() map[string]any {
	s := r.Page.Extra[r.I]
	if s.Len == 0 {
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(r.Page.Bytes(s), &m); err != nil {
		return nil
	}
	return m
}

// Format writes a value of a field as text: times in RFC 3339 with microseconds, durations in Go's notation.
func Format(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format("2006-01-02T15:04:05.000000Z07:00")
	case interface{ String() string }:
		return v.String()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
