package configs

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// Transactions says what the site's logs tell of transactions of the business: transactions.toml.
type Transactions struct {
	Means map[string][]string `toml:"means"` // what states mean where a log does not say: words in small letters, by the keys of Outcomes
	Logs  []TransactionLog    `toml:"log"`
}

// A TransactionLog says which fields of a log tell of transactions of the business: one [[log]] of transactions.toml.
type TransactionLog struct {
	Name     string            `toml:"name"`     // of the log, in findings
	Dataset  string            `toml:"dataset"`  // its events have this event.dataset …
	When     map[string]string `toml:"when"`     // … and these values: "a|b" is either, "a*" what begins so, "*" any
	ID       string            `toml:"id"`       // the field of the transaction's id; events without it are no transaction's
	State    string            `toml:"state"`    // empty: the log tells only of what was done
	Amount   string            `toml:"amount"`   //
	Unit     float64           `toml:"unit"`     // what one of the log's is in the currency: 0.01 where it counts cents; 0: 1
	Currency string            `toml:"currency"` //
	From     string            `toml:"from"`     // who pays
	To       string            `toml:"to"`       // who is paid

	Least      *float64 `toml:"least"`       // amounts below are out of range
	Most       *float64 `toml:"most"`        // and those above
	EndsWithin Duration `toml:"ends_within"` // it has to end so long after it was pending first; 0: what the rule says

	States map[string]TransactionState `toml:"states"` // by the log's word; empty: what Means says
	Batch  *TransactionBatch           `toml:"batch"`  // nil: its transactions come in no batches
}

// A TransactionState is what a log's word for a state means.
type TransactionState struct {
	Means string   `toml:"means"` // one of the keys of Outcomes
	Next  []string `toml:"next"`  // the states that may follow; of a log that names none for any state the rule says which
}

// A TransactionBatch says which fields tell of batches, each of which ends with a control record: an event that has Count or Sum.
type TransactionBatch struct {
	ID    string `toml:"id"`    // the field of the batch's id; empty: a file is one batch after the other
	Count string `toml:"count"` // how many transactions there are to be
	Sum   string `toml:"sum"`   // of their amounts
}

// Outcomes are what a state may mean, and the event.outcome of each.
var Outcomes = map[string]string{"pending": "unknown", "completed": "success", "failed": "failure", "reversed": "failure"}

const knownMeans = "pending, completed, failed, reversed"

// maxEndsWithin bounds for how long the end of a transaction is waited for: so far back a daemon reads when it starts.
const maxEndsWithin = Duration(31 * 24 * time.Hour)

// TransactionsFile is where the logs of transactions are described.
const TransactionsFile = "transactions.toml"

// LoadTransactions reads transactions.toml of fsys. A configuration without it has no such logs. Mistakes are Errors.
func LoadTransactions(fsys fs.FS) (*Transactions, error) {
	t := &Transactions{}
	if _, err := fs.Stat(fsys, TransactionsFile); err != nil {
		return t, nil //nolint:nilerr // it need not be there
	}
	if err := Decode(fsys, TransactionsFile, t); err != nil {
		return nil, err
	}
	var faults Errors
	for means := range t.Means {
		if _, known := Outcomes[means]; !known {
			faults = append(faults, At(fsys, TransactionsFile, childPath("means", means), "means: %q is none of %s", means, knownMeans))
		}
	}
	names := map[string]bool{}
	for i := range t.Logs {
		l := &t.Logs[i]
		fail := func(key, format string, args ...any) {
			faults = append(faults, At(fsys, TransactionsFile, fmt.Sprintf("log[%d].%s", i, key), "log %q: %s: %s", l.Name, key, fmt.Sprintf(format, args...)))
		}
		if names[l.Name] {
			fail("name", "another log has this name")
		}
		names[l.Name] = true
		l.check(fail)
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
		return nil, faults
	}
	return t, nil
}

// check calls fail for what is wrong in a log by itself.
func (l *TransactionLog) check(fail func(key, format string, args ...any)) {
	for _, c := range []struct{ key, value, missing string }{
		{"name", l.Name, "missing: what are findings to call this log?"},
		{"dataset", l.Dataset, "missing: the event.dataset of its events, which veritail parse -json shows"},
		{"id", l.ID, "missing: which field is the transaction's id?"},
	} {
		if c.value == "" {
			fail(c.key, "%s", c.missing)
		}
	}
	if l.Unit < 0 {
		fail("unit", "want more than 0, such as 0.01 of a log that counts cents")
	}
	if l.Amount == "" && (l.Unit != 0 || l.Least != nil || l.Most != nil) {
		fail("amount", "missing: unit, least and most are about an amount")
	}
	if l.Least != nil && l.Most != nil && *l.Least > *l.Most {
		fail("least", "%v is more than most, %v", *l.Least, *l.Most)
	}
	if l.EndsWithin > maxEndsWithin {
		fail("ends_within", "want at most 31d")
	}
	if l.State == "" && len(l.States) > 0 {
		fail("state", "missing: which field has these states?")
	}
	if b := l.Batch; b != nil && b.Count == "" && b.Sum == "" {
		fail("batch", "want count, sum or both: the fields of the control record")
	}
	if b := l.Batch; b != nil && b.Sum != "" && l.Amount == "" {
		fail("batch.sum", "of what? Name the field of the amount")
	}
	l.checkStates(fail)
}

func (l *TransactionLog) checkStates(fail func(key, format string, args ...any)) {
	means, states := slices.Sorted(maps.Keys(Outcomes)), slices.Sorted(maps.Keys(l.States))
	hint := func(word string, of []string) string {
		if near := Nearest(word, of); near != "" {
			return fmt.Sprintf("; did you mean %q?", near)
		}
		return ""
	}
	for _, name := range states {
		s := l.States[name]
		key := childPath("states", name)
		if _, known := Outcomes[s.Means]; !known {
			fail(key+".means", "%q is none of %s%s", s.Means, knownMeans, hint(s.Means, means))
		}
		for i, next := range s.Next {
			if _, known := l.States[next]; !known {
				fail(itemPath(key+".next", i), "%q is no state of this log%s", next, hint(next, states))
			}
		}
	}
}

// Ordered reports whether the log says which states may follow which.
func (l *TransactionLog) Ordered() bool {
	for _, s := range l.States {
		if len(s.Next) > 0 {
			return true
		}
	}
	return false
}
