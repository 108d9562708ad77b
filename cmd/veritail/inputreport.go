package main

import "fmt"

// inputReport is how it stands with an input. Counts are of this run, in messages.
type inputReport struct {
	Name      string           `json:"name"`
	Dataset   string           `json:"dataset"`
	Senders   int              `json:"senders"` // with something in the spool
	Used      int64            `json:"spool_bytes"`
	Max       int64            `json:"spool_max_bytes"`
	Refused   int64            `json:"refused"` // lost because the spool did not take them
	Error     string           `json:"error,omitempty"`
	Listeners []listenerReport `json:"listeners,omitempty"`
	Journal   *journalReport   `json:"journal,omitempty"`
	Pipe      *pipeReport      `json:"pipe,omitempty"`
	Probes    []probeReport    `json:"probes,omitempty"`
	Resources *resourcesReport `json:"resources,omitempty"`
}

type pipeReport struct {
	Lines int64 `json:"lines"`
	Cut   int64 `json:"cut"`
	Ended bool  `json:"ended,omitempty"` // standard input has
}

type journalReport struct {
	Entries int64 `json:"entries"`
	Gaps    int64 `json:"gaps"`
	Missing int64 `json:"missing"`
	Cut     int64 `json:"cut"`
	Partial bool  `json:"partial,omitempty"` // not all entries may be read
}

type listenerReport struct {
	Address     string `json:"address"`
	Received    int64  `json:"received"`
	Dropped     int64  `json:"dropped"` // by the kernel
	Cut         int64  `json:"cut"`
	Connections int64  `json:"connections"`
	Turned      int64  `json:"turned_away"`
}

func (in *input) report() inputReport {
	s := in.spool.Status()
	r := inputReport{Name: in.name, Dataset: in.pattern.Dataset, Senders: s.Senders, Used: s.Used, Max: s.Max, Refused: s.Refused}
	switch {
	case s.Full:
		r.Error = fmt.Sprintf("the spool is full: %s of %s", size(s.Used), size(s.Max))
	case s.Err != nil:
		r.Error = s.Err.Error()
	}
	for _, from := range in.receivers {
		if err := from.report(&r); err != nil && r.Error == "" {
			r.Error = err.Error()
		}
	}
	return r
}

func (r *inputReport) print(w *sink, p colours) {
	w.f("%s  %s: ", p.bold("Input"), r.Name)
	if len(r.Listeners) > 0 {
		w.f("%s, ", count(r.Senders, "sender"))
	}
	w.f("%s of %s spooled\n", size(r.Used), size(r.Max))
	for _, l := range r.Listeners {
		w.f("       %s  received %s", l.Address, n(l.Received))
		if l.Connections > 0 {
			w.f(", %s", count(int(l.Connections), "connection"))
		}
		printBad(w, p, l.bad())
	}
	if j := r.Journal; j != nil {
		w.f("       received %s", n(j.Entries))
		printBad(w, p, j.bad())
		if j.Partial {
			w.f("       %s\n      %s\n", p.yellow("▲ only entries of this user are seen"), p.blue(joinJournal()))
		}
	}
	if r.Pipe != nil {
		w.f("       received %s", n(r.Pipe.Lines))
		if r.Pipe.Ended {
			w.f(", standard input has ended")
		}
		printBad(w, p, r.Pipe.bad())
	}
	for i := range r.Probes {
		r.Probes[i].print(w, p)
	}
	if r.Resources != nil {
		w.f("       %s of this machine\n", count(int(r.Resources.Samples), "sample"))
	}
	if r.Refused > 0 {
		w.f("       %s\n", p.red("◆ "+n(r.Refused)+" messages were lost: the spool did not take them"))
	}
	if r.Error != "" {
		w.f("       %s\n", p.red("◆ "+r.Error))
	}
}

// joinJournal is the command that lets the daemon's user read all of the journal.
func joinJournal() string { return "sudo usermod -a -G systemd-journal " + userName() }

// bad is how often something was that should not be.
type bad struct {
	count int64
	what  string
}

func (l *listenerReport) bad() []bad {
	return []bad{{l.Dropped, "dropped by the kernel"}, {l.Cut, "cut"}, {l.Turned, "connections turned away"}}
}

func (j *journalReport) bad() []bad {
	return []bad{{j.Gaps, "gaps"}, {j.Missing, "missing"}, {j.Cut, "cut"}}
}

func (p *pipeReport) bad() []bad { return []bad{{p.Cut, "cut"}} }

// printBad ends a line with what should not be.
func printBad(w *sink, p colours, all []bad) {
	for _, b := range all {
		if b.count > 0 {
			w.f(", %s", p.yellow(n(b.count)+" "+b.what))
		}
	}
	w.f("\n")
}
