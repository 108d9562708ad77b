// Package workload reads from a store what databases did in a period: which statements they ran, without their values, how
// long these took and waited for locks, who connected, and the deadlocks by their patterns.
//
// It stands behind the store, for reports. The store groups; nothing is read event by event, so that a year takes seconds.
// The command `veritail database` counts more, of files, with every event in its order.
package workload

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// A Request says of what a workload is wanted.
type Request struct {
	Schema   *event.Schema
	Sessions *transactions.Sessions
	Site     string // "" is this machine
	Period   query.Interval
}

// A Workload is what databases did in a period.
type Workload struct {
	Statements         int64                // that were logged
	Queries            []transactions.Query // what they were, but for their values: those that took the most time first
	Rest               int64                // statements that are in no query: there were too many different texts
	Waits              transactions.Share   // for locks that were got in the end
	Locks              []transactions.Share // by the statement that waited, the longest in all first
	Connections, LetIn int64
	By                 map[string][]transactions.Share // statements by the fields of By, the most time first
}

// By are the fields by which the statements are shared out.
var By = []string{"user.name", "db.namespace", "source.ip"}

// maxTexts bounds the different texts of statements that are looked at, maxShares the values of a field. It is a variable for the
// tests.
var maxTexts = 20_000

const maxShares = 20

// Read reads a workload. The error is of the store.
func Read(ctx context.Context, store storage.Reader, v access.View, q Request) (*Workload, error) {
	does, err := q.conditions()
	if err != nil {
		return nil, fmt.Errorf("ask for what sessions do: %w", err)
	}
	r := &reader{ctx, store, v, q, does}
	w := &Workload{By: map[string][]transactions.Share{}}
	if err := r.statements(w); err != nil {
		return nil, fmt.Errorf("read the statements of databases: %w", err)
	}
	if err := r.locks(w); err != nil {
		return nil, fmt.Errorf("read the lock waits of databases: %w", err)
	}
	if w.Connections, err = r.count(r.does[connects]); err == nil {
		w.LetIn, err = r.count(r.does[login])
	}
	if err != nil {
		return nil, fmt.Errorf("read the connections of databases: %w", err)
	}
	return w, nil
}

// A reader reads for one request.
type reader struct {
	ctx   context.Context
	store storage.Reader
	view  access.View
	Request
	does map[string]query.Expr // by what an event does to its session
}

// statements reads what was run. Texts are grouped as they are and put together without their values; where there are more than
// are looked at, those that ran most often count, and of the others those that took longest.
func (r *reader) statements(w *Workload) error {
	all := map[string]*transactions.Query{}
	begun := map[string]int64{} // by text
	for _, what := range []string{runs, ran} {
		rows, rest, err := r.texts(r.does[what])
		if err != nil {
			return err
		}
		w.Rest += rest
		for _, row := range rows {
			q := merge(all, row.Key[0], row)
			if what == runs {
				begun[row.Key[0]] = row.Count
			} else { // those that were told when they began are not told twice
				q.Count -= min(row.Count, begun[row.Key[0]])
			}
		}
	}
	w.Statements = w.Rest
	for _, q := range all {
		w.Queries = append(w.Queries, *q)
		w.Statements += q.Count
	}
	slices.SortFunc(w.Queries, func(a, b transactions.Query) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	return r.shares(w)
}

// shares reads whose the statements were: by all fields at once, unless that are too many, then by each.
func (r *reader) shares(w *Workload) error {
	ran := query.Or{r.does[runs], r.does[ran]}
	t, err := r.group(ran, By, "event.duration", maxTexts)
	if err != nil {
		return err
	}
	for i, field := range By {
		if len(t.Rows) < maxTexts {
			w.By[field] = sharesOf(t.Rows, i)
			continue
		}
		one, err := r.group(ran, []string{field}, "event.duration", maxShares)
		if err != nil {
			return err
		}
		w.By[field] = sharesOf(one.Rows, 0)
	}
	return nil
}

// sharesOf adds rows up by one of their keys, the first maxShares by time.
func sharesOf(rows []storage.TableRow, key int) []transactions.Share {
	all := map[string]transactions.Share{}
	for _, row := range rows {
		name := row.Key[key]
		if name == "" {
			continue
		}
		one, sum := share(name, row), all[name]
		all[name] = transactions.Share{Name: name, Count: sum.Count + one.Count, Total: sum.Total + one.Total, Max: max(sum.Max, one.Max)}
	}
	list := slices.SortedFunc(maps.Values(all), byTime)
	return list[:min(len(list), maxShares)]
}

// texts groups events by their statement. rest is how many are in no group: there are too many different texts.
func (r *reader) texts(where query.Expr) (rows []storage.TableRow, rest int64, err error) {
	t, err := r.group(where, byText, "event.duration", maxTexts)
	if err != nil || len(t.Rows) < maxTexts {
		return t.Rows, 0, err
	}
	rows = t.Rows
	if t, rest, err = r.slow(where); err != nil {
		return nil, 0, err
	}
	often := map[string]bool{}
	for _, row := range rows {
		often[row.Key[0]] = true
		rest -= row.Count
	}
	for _, row := range t.Rows {
		if !often[row.Key[0]] {
			rows = append(rows, row)
			rest -= row.Count
		}
	}
	return rows, rest, nil
}

// slow groups the hundredth of events that took longest by their statement, and counts them all.
func (r *reader) slow(where query.Expr) (t storage.Table, all int64, err error) {
	t, err = r.store.Aggregate(r.ctx, r.view, query.Agg{
		Where: r.ofSite(where), During: r.Period, Values: []query.Measure{{Fn: "p99", Field: "event.duration"}},
	})
	if err != nil || len(t.Rows) == 0 {
		return storage.Table{}, 0, err
	}
	all = t.Rows[0].Count
	if math.IsNaN(t.Rows[0].Values[0]) {
		return storage.Table{}, all, nil
	}
	long := &query.Test{Field: "event.duration", F: event.FieldDuration, Known: true, Kind: event.Duration, Op: query.MoreEq, Int: int64(t.Rows[0].Values[0])}
	t, err = r.group(query.And{where, long}, byText, "event.duration", maxTexts)
	return t, all, err
}

var byText = []string{"db.query.text"}

// locks reads which statements waited for locks.
func (r *reader) locks(w *Workload) error {
	all := map[string]*transactions.Query{}
	for _, field := range r.Sessions.After(acquires) {
		t, err := r.group(r.does[acquires], byText, field, maxTexts)
		if err != nil {
			return err
		}
		for _, row := range t.Rows {
			merge(all, row.Key[0], row)
			w.Waits.Count += row.Count
			w.Waits.Total += duration(row.Values[0])
			w.Waits.Max = max(w.Waits.Max, duration(row.Values[1]))
		}
	}
	for text, q := range all {
		w.Locks = append(w.Locks, transactions.Share{Name: text, Count: q.Count, Total: q.Total, Max: q.Max})
	}
	slices.SortFunc(w.Locks, byTime)
	return nil
}

// merge adds a row of a text to what is known of the statement without its values.
func merge(all map[string]*transactions.Query, text string, row storage.TableRow) *transactions.Query {
	norm := transactions.Normalise(text)
	q := all[norm]
	if q == nil {
		q = &transactions.Query{Text: norm}
		all[norm] = q
	}
	q.Count += row.Count
	if average := row.Values[2]; average > 0 {
		q.Timed += int64(math.Round(row.Values[0] / average))
		q.Total += duration(row.Values[0])
	}
	if longest := duration(row.Values[1]); longest > q.Max || q.Example == "" {
		q.Max, q.Example = max(q.Max, longest), text
	}
	return q
}

// share makes a share of a row of a group.
func share(name string, row storage.TableRow) transactions.Share {
	return transactions.Share{Name: name, Count: row.Count, Total: duration(row.Values[0]), Max: duration(row.Values[1])}
}

// duration is a measure in nanoseconds, 0 where no event had it.
func duration(ns float64) time.Duration {
	if math.IsNaN(ns) {
		return 0
	}
	return time.Duration(ns)
}

func byTime(a, b transactions.Share) int {
	return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
}

// group sums up a duration of the events of a condition by fields: its sum, maximum and average.
func (r *reader) group(where query.Expr, by []string, of string, limit int) (storage.Table, error) {
	return r.store.Aggregate(r.ctx, r.view, query.Agg{
		Where: r.ofSite(where), During: r.Period, By: by, Limit: limit,
		Values: []query.Measure{{Fn: "sum", Field: of}, {Fn: "max", Field: of}, {Fn: "avg", Field: of}},
	})
}

func (r *reader) count(where query.Expr) (int64, error) {
	t, err := r.store.Aggregate(r.ctx, r.view, query.Agg{Where: r.ofSite(where), During: r.Period})
	if err != nil || len(t.Rows) == 0 {
		return 0, err
	}
	return t.Rows[0].Count, nil
}

func (r *reader) ofSite(where query.Expr) query.Expr { return query.And{where, query.OfSite(r.Site)} }

// What sessions do, of what is read here.
const (
	runs     = "runs"
	ran      = "ran"
	acquires = "acquires"
	connects = "connects"
	login    = "login"
)

// conditions returns by what is done the condition that an event does it to its session.
func (q *Request) conditions() (map[string]query.Expr, error) {
	out := map[string]query.Expr{}
	for _, what := range []string{runs, ran, acquires, connects, login} {
		has, first := q.Sessions.Does(what)
		some, err := q.either(has)
		if err != nil {
			return nil, err
		}
		out[what] = some
		if len(first) > 0 {
			other, err := q.either(first)
			if err != nil {
				return nil, err
			}
			out[what] = query.And{some, query.Not{X: other}}
		}
	}
	return out, nil
}

// either is the condition that an event has all of one of these.
func (q *Request) either(of []map[string]string) (query.Expr, error) {
	some := query.Or{}
	for _, has := range of {
		table := map[string]any{}
		for field, want := range has {
			if want == "*" {
				table[field] = map[string]any{"exists": true}
			} else {
				table[field] = list(strings.Split(want, "|"))
			}
		}
		e, err := query.ParseTable(table, q.Schema, time.Time{}, nil)
		if err != nil {
			return nil, err
		}
		some = append(some, e)
	}
	return some, nil
}

// list is a list as a table of a query has it.
func list(words []string) []any {
	var out []any
	for _, w := range words {
		out = append(out, w)
	}
	return out
}
