package parsers

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/saypro/veritail/pipeline/event"
)

// A lookup translates the text of a temporary or a field into a constant.
type lookup struct {
	temp    int // ≥ 0: of this temporary
	from    event.Field
	number  bool // from is a number
	exact   map[string]*constant
	prefix  []prefixed
	numbers atomic.Pointer[[smallNumbers]*constant] // what find returns for them; nil before the first
}

// smallNumbers is up to where numbers are looked up by a table: statuses, facilities and severities.
const smallNumbers = 1000

type prefixed struct {
	head string
	constant
}

func (s *Set) compileLookups(f *format, ff *formatFile) error {
	for i, lf := range ff.Lookup {
		l := &lookup{temp: -1, exact: map[string]*constant{}}
		if temp, ok := f.temps[lf.From]; ok {
			l.temp = temp
		} else if field, ok := s.Schema.Lookup(lf.From); ok {
			l.from, l.number = field, s.Schema.Def(field).Kind == event.Int
		} else {
			return fmt.Errorf("lookup %d: from: %w", i+1, f.notCaptured(lf.From))
		}
		for key, value := range lf.Table {
			c, err := s.constant(lf.To, value)
			if err != nil {
				return fmt.Errorf("lookup %d: %w", i+1, err)
			}
			if head, ok := strings.CutSuffix(key, "*"); ok {
				l.prefix = append(l.prefix, prefixed{head, c})
			} else {
				l.exact[key] = &c
			}
		}
		f.lookups = append(f.lookups, l)
	}
	return nil
}

// of returns the constant that what the row has is translated to, nil if to none.
func (l *lookup) of(w *rowWriter, temps [][]byte) *constant {
	if l.number {
		if n, ok := w.integer(l.from); ok && n >= 0 && n < smallNumbers {
			return l.small()[n]
		}
	}
	var text []byte
	if l.temp >= 0 {
		text = temps[l.temp]
	} else {
		text = w.fieldText(l.from)
	}
	if text == nil {
		return nil
	}
	return l.find(text)
}

// small returns the table of small numbers. Several decoders may make it at once: they make the same.
func (l *lookup) small() *[smallNumbers]*constant {
	table := l.numbers.Load()
	if table == nil {
		table = new([smallNumbers]*constant)
		for n := range table {
			table[n] = l.find(strconv.AppendInt(nil, int64(n), 10))
		}
		l.numbers.Store(table)
	}
	return table
}

// find returns the constant that text is translated to, nil if to none.
func (l *lookup) find(text []byte) *constant {
	if len(l.exact) > 0 {
		if c := l.exact[string(text)]; c != nil {
			return c
		}
	}
	for i := range l.prefix {
		if p := &l.prefix[i]; len(text) >= len(p.head) && string(text[:len(p.head)]) == p.head {
			return &p.constant
		}
	}
	return nil
}
