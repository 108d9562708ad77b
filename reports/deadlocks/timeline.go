package deadlocks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// The bounds of what is looked at for one timeline: around is how far before the latest event of the id the others may lie,
// after how long its sessions are followed behind it.
const (
	around  = 2 * time.Hour
	after   = 10 * time.Minute
	maxSeen = 5000
	maxScan = 500_000
)

var errEnough = errors.New("enough was read")

// Timeline returns what the store tells of an id. Processes are numbered again and again: it is of the latest that had it until then. It
// is nil where no event has the id.
func (r Reader) Timeline(ctx context.Context, view access.View, schema *event.Schema, id string, until time.Time) (*transactions.Timeline, error) {
	var ids [][]transactions.Value
	for _, f := range r.Sessions.IDs {
		ids = append(ids, []transactions.Value{{Field: f, Text: id}})
	}
	where := anyOf(ids, schema, until)
	if id == "" || len(where) == 0 {
		return nil, nil
	}
	rows, err := r.Store.Search(ctx, view, query.Search{Where: where, During: query.Interval{To: until.UnixMicro()}, Limit: maxSeen})
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", id, err)
	}
	if len(rows.Events) == 0 {
		return nil, nil
	}
	q := transactions.NewTimelineSearch(r.Sessions, r.Reports, id)
	last := rows.Events[0].Time
	during := query.Interval{From: last - around.Microseconds(), To: last + after.Microseconds()}
	for i := len(rows.Events) - 1; i >= 0; i-- {
		if e := EventOf(rows.Events[i]); e.Time >= during.From {
			q.Look(&e)
		}
	}
	n := 0
	err = r.Store.Scan(ctx, view, anyOf(q.Wanted(), schema, until), during, func(p *event.Page) error {
		for i := range p.N {
			if e := EventOf(storage.EventOf(p, i)); !p.Unparsed.Has(i) {
				q.Take(&e)
			}
			if n++; n == maxScan {
				return errEnough
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("read what happened around %s: %w", id, err)
	}
	return q.Timeline(), nil
}

// AnyOf is the condition that an event has all values of one of the lists, as anyOf.
func AnyOf(lists []map[string]string, schema *event.Schema, now time.Time) query.Expr {
	values := make([][]transactions.Value, len(lists))
	for i, list := range lists {
		for _, field := range slices.Sorted(maps.Keys(list)) {
			values[i] = append(values[i], transactions.Value{Field: field, Text: list[field]})
		}
	}
	return anyOf(values, schema, now)
}

// anyOf is the condition that an event has all values of one of the lists. Values that a field cannot have, such as a word for a number,
// are left out.
func anyOf(lists [][]transactions.Value, schema *event.Schema, now time.Time) query.Or {
	var out query.Or
next:
	for _, list := range lists {
		var all query.And
		for _, v := range list {
			if _, ok := schema.Lookup(v.Field); !ok {
				continue next
			}
			text := "*"
			if v.Text != "*" {
				var words []string
				for w := range strings.SplitSeq(v.Text, "|") {
					if head, begins := strings.CutSuffix(w, "*"); begins {
						words = append(words, head+"*")
						continue
					}
					words = append(words, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w)+`"`)
				}
				text = "(" + strings.Join(words, " or ") + ")"
			}
			e, err := query.Parse(v.Field+":"+text, schema, now)
			if err != nil {
				continue next
			}
			all = append(all, e)
		}
		out = append(out, all)
	}
	return out
}
