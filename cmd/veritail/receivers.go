package main

import (
	"context"
	"time"

	"github.com/saypro/veritail/pipeline/journal"
	"github.com/saypro/veritail/pipeline/listen"
	"github.com/saypro/veritail/pipeline/pipe"
	"github.com/saypro/veritail/pipeline/probe"
	"github.com/saypro/veritail/pipeline/resources"
)

// A receiver puts what comes from somewhere into the spool of an input.
type receiver interface {
	// Run receives until the context ends. It is called once.
	Run(context.Context) error
	// report fills in how it stands, at any time; the error is why nothing comes at present.
	report(*inputReport) error
}

type syslogReceiver struct{ *listen.Listener }

func (l syslogReceiver) report(r *inputReport) error {
	t := l.Status()
	r.Listeners = append(r.Listeners, listenerReport{t.Address, t.Lines, t.Dropped, t.Cut, t.Connections, t.Turned})
	return nil
}

type journalReceiver struct{ *journal.Reader }

func (j journalReceiver) report(r *inputReport) error {
	t := j.Status()
	r.Journal = &journalReport{t.Entries, t.Gaps, t.Missing, t.Cut, t.Partial}
	return t.Err
}

type pipeReceiver struct{ *pipe.Reader }

func (p pipeReceiver) report(r *inputReport) error {
	t := p.Status()
	r.Pipe = &pipeReport{t.Lines, t.Cut, t.Ended}
	return t.Err
}

type probeReceiver struct{ *probe.Prober }

func (p probeReceiver) report(r *inputReport) error {
	t := p.Status()
	r.Probes = append(r.Probes, probeReport{t.Name, t.Target, t.Asked, t.Failed, t.Down, t.Reason, t.LastDuration.Round(10 * time.Microsecond).String(), t.Last})
	return t.Unwritten
}

type resourcesReceiver struct{ *resources.Sampler }

func (s resourcesReceiver) report(r *inputReport) error {
	t := s.Status()
	r.Resources = &resourcesReport{t.Samples}
	return t.Err
}
