package console

import (
	"context"
	"html/template"
	"strconv"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/deadlocks"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/rules/transactions/reproduce"
)

// A deadlock is what the page of a finding shows of the report that it rests on.
type deadlock struct {
	Where, Sentence, Pattern string
	Cut, Unproven            bool
	Doubts                   []string
	Wide, Slim               template.HTML // "" where it is not drawn
	Sessions                 []deadlockSession
	Proof                    *deadlockProof // nil: it was not run again
}

// A deadlockProof is that it was run again.
type deadlockProof struct {
	About string // when, and on what
	Notes []string
	Runs  []deadlockRun
}

type deadlockRun struct {
	Title, Class string
	Steps        []deadlockStep
}

type deadlockStep struct{ Session, SQL, Class, End string }

type deadlockSession struct {
	Name, URL    string // URL is of its timeline
	Victim       bool
	About        []string // transaction, user, application
	Holds, Wants []string
	Ran, Sent    string
}

// deadlock reads the report that a finding rests on; nil where there is none.
func (s *server) deadlock(ctx context.Context, r *request, f event.Finding) (*deadlock, error) {
	if s.Deadlocks == nil {
		return nil, nil
	}
	a, err := deadlocks.Reader{Store: s.Reader, Reports: s.Deadlocks, Proofs: s.Proofs}.Of(ctx, s.view(r.Request), f)
	if err != nil || a == nil {
		return nil, err
	}
	d := a.Deadlock
	p := &deadlock{
		Where: d.Server + d.In(), Sentence: d.Sentence(), Cut: d.Cut, Unproven: d.Unproven, Doubts: d.Doubts,
		Wide: template.HTML(d.Wide()), Slim: template.HTML(d.Slim()), //nolint:gosec // every text in them is escaped
	}
	if a.Times > 1 {
		p.Pattern = a.Pattern + ", that day"
	} else {
		p.Pattern = a.Pattern
	}
	for _, i := range append(append([]int{}, d.Cycle...), d.Beside()...) {
		row := sessionRow(d, i)
		if s.Sessions != nil && d.Sessions[i].Name != "" {
			row.URL = r.to("/transactions", "id", d.Sessions[i].Name, "at", strconv.FormatInt(d.Time.UnixMicro(), 10))
		}
		p.Sessions = append(p.Sessions, row)
	}
	if a.Proof != nil {
		p.Proof = proofOf(a.Proof)
	}
	return p, nil
}

// proofOf shows the run in which the deadlock came back, and that of each order that was tried.
func proofOf(of *deadlocks.Proof) *deadlockProof {
	r := of.Result
	p := &deadlockProof{About: of.At.Format("2 Jan 2006 15:04 UTC") + ", on a scratch server, " + r.Server, Notes: r.Case.Notes}
	add := func(title, class string, run reproduce.Run) {
		one := deadlockRun{Title: title, Class: class}
		if run.Play != nil {
			for _, o := range run.Play.Outcomes {
				step := deadlockStep{Session: strconv.Itoa(o.Session + 1), SQL: o.SQL}
				if o.Session < len(r.Case.Names) {
					step.Session = r.Case.Names[o.Session]
				}
				switch {
				case o.Error != "":
					step.Class, step.End = "R", "✕ "+o.Code+" after "+duration(o.Took)
				case o.Waited && o.Took >= 100*time.Millisecond:
					step.Class, step.End = "Y", "waits "+duration(o.Took)
				}
				one.Steps = append(one.Steps, step)
			}
		}
		p.Runs = append(p.Runs, one)
	}
	if !r.Back {
		add("The deadlock did not come back in "+count(int64(r.Tries), "run", "runs")+"; the last one", "Y", r.With)
		return p
	}
	title := "The deadlock came back in run " + strconv.Itoa(r.Tries)
	if of.Reported != "" {
		title += ": " + of.Reported
	}
	add(title, "R", r.With)
	for i := range r.Proposed {
		switch o := &r.Proposed[i]; {
		case o.Error != "":
			add(o.What+": a statement fails in this order, "+o.Error, "Y", o.Last)
		case o.Deadlocks > 0:
			add(o.What+": a deadlock came in run "+strconv.Itoa(o.Runs), "Y", o.Last)
		default:
			add(o.What+": "+count(int64(o.Runs), "run", "runs")+" in changing turns, no deadlock; the last one", "G", o.Last)
		}
	}
	return p
}

func sessionRow(d *transactions.Deadlock, i int) deadlockSession {
	s := &d.Sessions[i]
	row := deadlockSession{
		Name: s.Label(), Victim: s.Victim, Ran: s.Statement, Sent: s.Batch,
		Holds: locks(s.Holds, d.Holds(i)), Wants: locks(s.Wants, d.Wants(i)),
	}
	if s.StatementCut {
		row.Ran += " … (the server keeps no more)"
	}
	for _, about := range []struct{ what, text string }{{"transaction ", s.Transaction}, {"", s.Who()}, {"", s.Application}, {"", s.Isolation}} {
		if about.text != "" && about.what+about.text != s.Label() {
			row.About = append(row.About, about.what+about.text)
		}
	}
	return row
}

// locks are the first ones of a list in words, and what only the statement tells.
func locks(list []transactions.Lock, short string) []string {
	const most = 4
	var out []string
	for k := range list {
		if k == most {
			out = append(out, count(int64(len(list)-most), "more", "more"))
			break
		}
		out = append(out, list[k].Text())
	}
	switch {
	case len(out) == 0 && short == transactions.NotLogged:
		return []string{transactions.NotLogged}
	case short != transactions.NotLogged && (len(list) == 0 || list[0].Object() != short):
		out = append(out, short+" (by its statement)")
	}
	return out
}
