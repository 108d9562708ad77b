package parsers

import (
	"fmt"
	"io/fs"
	"math"
	"strings"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
)

// A told is a log that tells of transactions of the business, as transactions.toml says: its events get the fields that rules
// know, whatever the log calls them.
type told struct {
	*configs.TransactionLog
	names []renamed
	when  []condition
	per   float64 // amounts are divided by it

	id, state, amount, batch, count, sum event.Field // those of the log; none: it has no such field

	log, transaction, control, done constant
	below, inRange, above           constant
	outcomes                        map[string]*constant // by the log's words
	words                           map[string]*constant // by words in small letters, of a log that names none
}

// A renamed is a text that an event has under another name, too.
type renamed struct{ from, to event.Field }

// none is the field that a log has not.
const none = event.Field(-1)

// The fields that rules about transactions of the business ask for.
type toldFields struct {
	log, state, amount, within, batch, batchCount, batchSum event.Field
}

// Transactions are the site's logs that tell of transactions of the business, ready for decoders.
type Transactions struct {
	logs []*told
	to   toldFields
}

// Tell lets decoders give the events that they decode from now on the fields that t says. It may be called while they work.
func (s *Set) Tell(t *Transactions) { s.told.Store(t) }

// listen takes up what is told of transactions now. They may name members that were no fields until then.
func (d *Decoder) listen() {
	now := d.opts.Transactions
	if now == nil {
		now = d.set.told.Load()
	}
	if now == d.told {
		return
	}
	d.told = now
	for i := range d.members.caches {
		for _, p := range d.members.caches[i].byKey {
			p.look(d.set.Schema)
		}
	}
}

// tellFrom tells what transactions.toml of fsys says.
func (s *Set) tellFrom(fsys fs.FS) error {
	t, err := s.Transactions(fsys)
	if err == nil {
		s.Tell(t)
	}
	return err
}

// Transactions reads what transactions.toml of fsys says. The formats are there: what they call a field is of their kind; other
// fields are added to the schema. It may be called while decoders work, which go on with what they were told last.
func (s *Set) Transactions(fsys fs.FS) (*Transactions, error) {
	t, err := configs.LoadTransactions(fsys)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &Transactions{}
	add := func(name string, kind event.Kind) event.Field {
		f, known := s.Schema.Lookup(name)
		if !known {
			var e error
			if f, e = s.Schema.Add(name, kind); e != nil && err == nil {
				err = fmt.Errorf("%s: %w", configs.TransactionsFile, e)
			}
		}
		return f
	}
	const head = "veritail.transaction."
	out.to = toldFields{
		log: add(head+"log", event.Keyword), state: add(head+"state", event.Keyword), amount: add(head+"amount", event.Float), within: add(head+"ends_within", event.Duration),
		batch: add(head+"batch", event.Keyword), batchCount: add(head+"batch_count", event.Int), batchSum: add(head+"batch_sum", event.Float),
	}
	add(head+"range", event.Keyword)
	for i := range t.Logs {
		l := &t.Logs[i]
		field := func(name string, kind event.Kind) event.Field {
			if name == "" {
				return none
			}
			return add(name, kind)
		}
		x := &told{
			TransactionLog: l, per: 1, batch: none, count: none, sum: none,
			id: field(l.ID, event.Keyword), state: field(l.State, event.Keyword), amount: field(l.Amount, event.Float),
		}
		for _, name := range [][2]string{
			{l.ID, "transaction.id"}, {l.State, head + "state"}, {l.Currency, head + "currency"}, {l.From, head + "account"}, {l.To, head + "counter_account"},
		} {
			if name[0] != "" {
				x.names = append(x.names, renamed{field(name[0], event.Keyword), add(name[1], event.Keyword)})
			}
		}
		if l.Unit != 0 {
			x.per = 1 / l.Unit
			if whole := math.Round(x.per); math.Abs(x.per-whole) < 1e-9*whole {
				x.per = whole // 1234 / 100 is 12.34, 1234 * 0.01 need not be
			}
		}
		if b := l.Batch; b != nil {
			x.batch, x.count, x.sum = field(b.ID, event.Keyword), field(b.Count, event.Int), field(b.Sum, event.Float)
		}
		for name := range l.When {
			field(name, event.Keyword)
		}
		if err != nil {
			return nil, err
		}
		if x.when, err = s.conditions(l.When); err != nil {
			return nil, fmt.Errorf("%s: log %q: when: %w", configs.TransactionsFile, l.Name, err)
		}
		if err := x.constants(s, t); err != nil {
			return nil, fmt.Errorf("%s: log %q: %w", configs.TransactionsFile, l.Name, err)
		}
		out.logs = append(out.logs, x)
	}
	return out, err
}

// constants makes what the events of the log are given beside what stands in them.
func (x *told) constants(s *Set, t *configs.Transactions) (err error) {
	of := func(field, value string) (c constant) {
		if err == nil {
			c, err = s.constant(field, value)
		}
		return c
	}
	x.log = of("veritail.transaction.log", x.Name)
	x.transaction, x.control = of("event.action", "business_transaction"), of("event.action", "business_batch")
	x.below, x.inRange, x.above = of("veritail.transaction.range", "below"), of("veritail.transaction.range", "within"), of("veritail.transaction.range", "above")
	outcome := func(means string) *constant { c := of("event.outcome", configs.Outcomes[means]); return &c }
	x.done = *outcome("completed")
	x.outcomes, x.words = map[string]*constant{}, map[string]*constant{}
	for word, state := range x.States {
		x.outcomes[word] = outcome(state.Means)
	}
	if len(x.States) > 0 {
		return err
	}
	for means, words := range t.Means {
		c := outcome(means)
		for _, w := range words {
			x.words[w] = c
		}
	}
	return err
}

// row gives the row the fields of transactions if one of the logs says how.
func (t *Transactions) row(w *rowWriter) {
	for _, x := range t.logs {
		if x.Dataset == w.page.Data && w.has(x.when) {
			x.row(w, &t.to)
			return
		}
	}
}

func (x *told) row(w *rowWriter, to *toldFields) {
	count, counted := w.number(x.count)
	sum, summed := w.number(x.sum)
	switch {
	case counted || summed:
		w.constant(&x.control)
		if counted {
			w.page.SetInt(w.row, to.batchCount, int64(count))
		}
		if summed {
			w.page.SetFloat(w.row, to.batchSum, sum/x.per)
		}
	case w.filled(x.id):
		x.transactionOf(w, to)
	default:
		return
	}
	w.constant(&x.log)
	if x.Batch == nil {
		return
	}
	switch at, ok := w.wording(x.batch); {
	case ok:
		w.page.SetStr(w.row, to.batch, at)
	case x.batch == none:
		w.page.SetStr(w.row, to.batch, w.page.Arena.PutString(w.page.Path))
	}
}

// transactionOf gives the row what it tells of a transaction.
func (x *told) transactionOf(w *rowWriter, to *toldFields) {
	w.constant(&x.transaction)
	for _, n := range x.names {
		if at, ok := w.wording(n.from); ok {
			w.page.SetStr(w.row, n.to, at)
		}
	}
	if amount, ok := w.number(x.amount); ok {
		amount /= x.per
		w.page.SetFloat(w.row, to.amount, amount)
		switch {
		case x.Least != nil && amount < *x.Least:
			w.constant(&x.below)
		case x.Most != nil && amount > *x.Most:
			w.constant(&x.above)
		case x.Least != nil || x.Most != nil:
			w.constant(&x.inRange)
		}
	}
	if x.EndsWithin > 0 {
		w.page.SetInt(w.row, to.within, int64(x.EndsWithin))
	}
	if x.state == none {
		w.constant(&x.done)
		return
	}
	if c := x.outcome(w.fieldText(x.state)); c != nil {
		w.constant(c)
	}
}

// outcome returns what a state means, nil where that is not told.
func (x *told) outcome(state []byte) *constant {
	if c := x.outcomes[string(state)]; c != nil || len(x.words) == 0 {
		return c
	}
	return x.words[strings.ToLower(string(state))]
}

// filled reports whether the row has a text in a field.
func (w *rowWriter) filled(f event.Field) bool { return f != none && len(w.fieldText(f)) > 0 }

// wording returns the text of a field of the row; that of a number is put into the arena.
func (w *rowWriter) wording(f event.Field) (event.Str, bool) {
	if f == none {
		return event.Str{}, false
	}
	if at, ok := w.text(f); ok && at.Len > 0 {
		return at, true
	}
	if text := w.fieldText(f); len(text) > 0 {
		return w.page.Arena.Put(text), true
	}
	return event.Str{}, false
}

// number returns the number in a field of the row: amounts are kept as they were written where a format calls them texts.
func (w *rowWriter) number(f event.Field) (float64, bool) {
	if f == none {
		return 0, false
	}
	if c := w.page.Column(f); c != nil && c.Kind == event.Float {
		if w.row >= len(c.Float) || !c.Valid.Has(w.row) {
			return 0, false
		}
		return c.Float[w.row], true
	}
	text := w.fieldText(f)
	if text == nil {
		return 0, false
	}
	return parseFloat(text)
}
