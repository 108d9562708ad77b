// Package deadlocks finds the deadlock that a finding is about, and those of the same day that are like it.
//
// It reads the events that the finding rests on from the store; the reports in them are read by rules/transactions.
// Commands and the console show what it returns.
package deadlocks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// A Reader reads deadlocks. It is safe for concurrent use.
type Reader struct {
	Store    storage.Reader
	Reports  *transactions.Reports
	Sessions *transactions.Sessions // for timelines
	Proofs   string                 // the folder of proofs; empty: none are looked for
}

// An Answer is the deadlock of a finding and the pattern that it is of.
type Answer struct {
	Finding  string                 `json:"finding"`
	Deadlock *transactions.Deadlock `json:"deadlock"`
	Times    int                    `json:"times"`           // that the day had of the pattern, this one too
	Day      int                    `json:"day"`             // deadlocks of that day, of any pattern
	Proof    *Proof                 `json:"proof,omitempty"` // that it was run again; nil: it was not
	Pattern  string                 `json:"pattern"`         // "Six times: two updates of accounts in opposite order"
}

// maxDay bounds the findings of a day that are looked at for a pattern.
const maxDay = 500

// EventOf is a stored event, or one that was just read, as the reports are read from it.
func EventOf(e storage.Event) transactions.Event {
	path, _ := e.Fields["log.file.path"].(string)
	out := transactions.Event{Time: e.Time, Path: path, Offset: e.Off, Fields: e.Fields}
	for _, s := range e.Spans {
		out.Bytes += int64(s.Len)
	}
	return out
}

// Of returns the deadlock that the finding is about; nil where the events that it rests on hold no report of one, or
// have left the store.
func (r Reader) Of(ctx context.Context, view access.View, f event.Finding) (*Answer, error) {
	if len(f.Evidence) > maxEvidence { // many events make no deadlock
		return nil, nil
	}
	own, err := r.read(ctx, view, []event.Finding{f})
	if err != nil || own[0] == nil {
		return nil, err
	}
	day := time.UnixMicro(f.Time).UTC().Truncate(24 * time.Hour)
	list, err := r.Store.Findings(ctx, view, storage.FindingQuery{
		Rules: []string{f.Rule}, Site: &f.Site, Limit: maxDay,
		During: query.Interval{From: day.UnixMicro(), To: day.Add(24 * time.Hour).UnixMicro()},
	})
	if err != nil {
		return nil, fmt.Errorf("read the deadlocks of %s: %w", day.Format("2 January"), err)
	}
	all, err := r.read(ctx, view, list)
	if err != nil {
		return nil, err
	}
	p := transactions.Pattern{What: own[0].What()}
	a := &Answer{Finding: f.ID, Deadlock: own[0]}
	for _, d := range all {
		if d == nil {
			continue
		}
		a.Day++
		if d.Alike(own[0]) {
			p.Deadlocks = append(p.Deadlocks, d)
		}
	}
	if len(p.Deadlocks) == 0 { // the day has more findings than were looked at
		p.Deadlocks = own
	}
	a.Times, a.Pattern = len(p.Deadlocks), p.Sentence()
	a.Proof, err = proof(r.Proofs, f.ID)
	return a, err
}

// Patterns returns the deadlocks that findings are about, oldest first, put together by their patterns, and how many of the findings
// no stored report tells of.
func (r Reader) Patterns(ctx context.Context, view access.View, found []event.Finding) (list []transactions.Pattern, untold int, err error) {
	all, err := r.read(ctx, view, found)
	if err != nil {
		return nil, 0, err
	}
	told := slices.DeleteFunc(all, func(d *transactions.Deadlock) bool { return d == nil })
	slices.SortStableFunc(told, func(a, b *transactions.Deadlock) int { return a.Time.Compare(b.Time) })
	return transactions.Patterns(told), len(found) - len(told), nil
}

// maxEvidence is of how many events a deadlock may be told by.
const maxEvidence = 10

// read returns the deadlock of each finding, nil where there is none. Of several reports of one the fullest counts.
func (r Reader) read(ctx context.Context, view access.View, list []event.Finding) ([]*transactions.Deadlock, error) {
	out := make([]*transactions.Deadlock, len(list))
	of := map[query.ID]int{}
	var ids []query.ID
	var during query.Interval
	for i, f := range list {
		for _, e := range f.Evidence[:min(len(f.Evidence), maxEvidence)] {
			if len(e.Spans) == 0 {
				continue
			}
			id := query.ID{Gen: e.Gen, Off: e.Spans[0].Off}
			ids, of[id] = append(ids, id), i
			if during.From == 0 || e.Time < during.From {
				during.From = e.Time
			}
			during.To = max(during.To, e.Time+1)
		}
	}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := r.Store.Search(ctx, view, query.Search{IDs: ids, During: during, Limit: len(ids)})
	if err != nil {
		return nil, fmt.Errorf("read the events of a finding: %w", err)
	}
	for _, e := range rows.Events {
		d, ok := r.Reports.Read(EventOf(e))
		i := of[e.ID]
		if ok && (out[i] == nil || d.Fuller(out[i])) {
			out[i] = d
		}
	}
	return out, nil
}
