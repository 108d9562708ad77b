package main

import (
	"context"
	"fmt"
	"time"

	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/fleet"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/elastic"
)

// A fleetReport is how the rules about many hosts are run.
type fleetReport struct {
	Host    string    `json:"host"` // whose daemon runs them; "": none does
	Since   time.Time `json:"since"`
	Judged  time.Time `json:"judged,omitzero"` // up to which time of the events
	Problem string    `json:"problem,omitempty"`
}

// openFleet prepares to run the rules about many hosts, if the store is one that hosts share, and returns the rules that
// are left to this host alone. All of them are kept under a name.
func (d *daemon) openFleet(ctx context.Context, kept string) ([]rules.Rule, error) {
	shared, ok := d.store.(*elastic.Store)
	if !ok {
		return d.setup.rules, nil
	}
	of, own := rules.OfScope(d.setup.rules)
	if _, err := rules.New(of, rules.Config{Schema: d.setup.schema}); err != nil {
		return nil, userError{err}
	}
	var err error
	if d.lease, err = shared.Lease(ctx, d.cfg.Host); err != nil {
		return nil, err
	}
	d.fleet = fleet.New(fleet.Config{Cluster: d.lease, Rules: of, Set: kept, Schema: d.setup.schema, Known: d.keptFleet, Found: d.announcer.found})
	return own, nil
}

// keptFleet returns the rules about many hosts among those that are kept under a name.
func (d *daemon) keptFleet(name string) ([]rules.Rule, error) {
	list, err := d.turns.rules(name)
	fleet, _ := rules.OfScope(list)
	return fleet, err
}

// ofFleet returns those of the rules that are about many hosts and judged for all of them, and those that this host judges alone.
func (d *daemon) ofFleet(list []rules.Rule) (fleet, own []rules.Rule) {
	if d.fleet == nil {
		return nil, list
	}
	return rules.OfScope(list)
}

// runFleet runs the rules about many hosts, or waits for its turn, until ctx ends.
func (d *daemon) runFleet(ctx context.Context) error {
	if d.fleet == nil {
		return nil
	}
	return d.fleet.Run(ctx)
}

// fleetReport tells how the rules about many hosts are run; nil where there are none.
func (d *daemon) fleetReport(now time.Time) *fleetReport {
	if of, _ := d.ofFleet(d.rules()); len(of) == 0 {
		return nil
	}
	st := d.lease.State()
	r := &fleetReport{Host: st.Holder, Since: st.Since, Problem: fleetProblem(st, d.fleet.Err(), now)}
	if st.Judged > 0 {
		r.Judged = time.UnixMicro(st.Judged).UTC()
	}
	return r
}

// The rules are in trouble if nobody runs them for fleetQuiet, or if they are fleetBehind.
const (
	fleetQuiet  = 30 * time.Second
	fleetBehind = 2 * time.Minute
)

// fleetProblem says what is wrong, "" if nothing is.
func fleetProblem(st storage.LeaseState, err error, now time.Time) string {
	behind := now.Sub(time.UnixMicro(st.Judged))
	switch {
	case err != nil:
		return err.Error()
	case st.Quiet > fleetQuiet && st.Holder == "":
		return fmt.Sprintf("no daemon has run them for %s", span(st.Quiet))
	case st.Quiet > fleetQuiet:
		return fmt.Sprintf("nothing was heard for %s of %s, which ran them", span(st.Quiet), st.Holder)
	case st.Judged > 0 && behind > fleetBehind:
		return fmt.Sprintf("they are %s behind: a host is catching up, or they are too slow", span(behind))
	}
	return ""
}

func (r *fleetReport) print(w *sink, p colours, now time.Time) {
	if r.Host == "" {
		w.f("%s  its rules wait for a daemon to run them", p.bold("Fleet"))
	} else {
		w.f("%s  its rules run on %s since %s", p.bold("Fleet"), printable(r.Host), r.Since.Format(time.DateTime))
	}
	if !r.Judged.IsZero() {
		w.f(", judged up to %s ago", span(now.Sub(r.Judged)))
	}
	w.f("\n")
	if r.Problem != "" {
		w.f("       %s\n", p.red("◆ "+r.Problem))
	}
}
