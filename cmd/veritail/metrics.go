package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics answers /metrics with what status tells, for Prometheus and what reads its format. Counts of lines are of all generations
// that the store knows; those of inputs begin with the daemon.
func (d *daemon) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), statusCollector{d.status})
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// statusCollector makes metrics of a status when it is asked.
type statusCollector struct{ status func() statusReport }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("veritail_"+name, help, labels, nil)
}

// What there is to be measured. Names follow Prometheus' conventions.
var (
	descInfo      = desc("info", "1, with the version of the daemon.", "version")
	descLines     = desc("lines_total", "Lines by what became of them: read = parsed + unparsed + ignored + those of open records; parsed + unparsed = stored + quarantined + pending.", "path", "dataset", "site", "state")
	descBytes     = desc("read_bytes_total", "Bytes of lines that were read.", "path", "dataset", "site")
	descCut       = desc("cut_records_total", "Records that were longer than they may be, and lost their ends.", "path", "dataset", "site")
	descLagBytes  = desc("lag_bytes", "Bytes that are there and have not been read.", "path", "dataset", "site")
	descLag       = desc("lag_seconds", "The greatest age of a byte that has not been read.", "path", "dataset", "site")
	descLost      = desc("lost_bytes_total", "Bytes that rotation destroyed before they could be read, since the start.", "path", "dataset", "site")
	descUp        = desc("source_up", "1 if the source is read or waited for, 0 if it cannot be read.", "path", "dataset", "site")
	descPending   = desc("pending_lines", "Lines that are decoded and not yet durable.")
	descBalanced  = desc("balanced", "1 if the accounts of all sources add up.")
	descStoreUp   = desc("store_up", "1 if the store takes events.")
	descCommit    = desc("last_commit_timestamp_seconds", "When events were stored last.")
	descRules     = desc("rules", "Rules that are judged.")
	descReceived  = desc("input_received_total", "Messages that were received, since the start.", "input", "address")
	descDropped   = desc("input_dropped_total", "Messages that were lost, by where, since the start.", "input", "address", "where")
	descSpool     = desc("spool_bytes", "Bytes in the spool.", "input")
	descSpoolMax  = desc("spool_max_bytes", "Bytes that the spool may have.", "input")
	descEntryGaps = desc("journal_gaps_total", "Places where the journal did not go on where reading had come to, since the start.", "input")
)

// Describe implements prometheus.Collector: what there is depends on the sources.
func (statusCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c statusCollector) Collect(out chan<- prometheus.Metric) {
	r := c.status()
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descInfo, 1, r.Version)
	gauge(descPending, float64(r.Totals.Pending))
	gauge(descStoreUp, yes(r.Totals.StoreError == ""))
	gauge(descRules, float64(r.Rules.Judged))
	if !r.Totals.LastCommit.IsZero() {
		gauge(descCommit, float64(r.Totals.LastCommit.UnixMilli())/1000)
	}
	balanced := true
	for i := range r.Sources {
		s := &r.Sources[i]
		balanced = balanced && s.Breach == ""
		for _, v := range []struct {
			state string
			lines int64
		}{
			{"read", s.Read}, {"parsed", s.Parsed}, {"unparsed", s.Unparsed}, {"ignored", s.Ignored},
			{"stored", s.Stored}, {"quarantined", s.Apart}, {"pending", s.Pending},
		} {
			counter(descLines, float64(v.lines), s.Path, s.Dataset, s.Site, v.state)
		}
		counter(descBytes, float64(s.Bytes), s.Path, s.Dataset, s.Site)
		counter(descCut, float64(s.Cut), s.Path, s.Dataset, s.Site)
		gauge(descLagBytes, float64(s.LagBytes), s.Path, s.Dataset, s.Site)
		gauge(descLag, s.LagS, s.Path, s.Dataset, s.Site)
		counter(descLost, float64(s.Lost), s.Path, s.Dataset, s.Site)
		gauge(descUp, yes(s.Error == ""), s.Path, s.Dataset, s.Site)
	}
	gauge(descBalanced, yes(balanced))
	for i := range r.Inputs {
		in := &r.Inputs[i]
		gauge(descSpool, float64(in.Used), in.Name)
		gauge(descSpoolMax, float64(in.Max), in.Name)
		counter(descDropped, float64(in.Refused), in.Name, "", "spool")
		for _, l := range in.Listeners {
			counter(descReceived, float64(l.Received), in.Name, l.Address)
			counter(descDropped, float64(l.Dropped), in.Name, l.Address, "kernel")
		}
		if in.Pipe != nil {
			counter(descReceived, float64(in.Pipe.Lines), in.Name, "")
		}
		if j := in.Journal; j != nil {
			counter(descReceived, float64(j.Entries), in.Name, "")
			counter(descEntryGaps, float64(j.Gaps), in.Name)
		}
	}
}

func yes(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}
