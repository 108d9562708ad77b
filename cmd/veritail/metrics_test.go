package main

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsTellWhatStatusTells(t *testing.T) {
	report := statusReport{
		Version: "1.0", Totals: totalsReport{Pending: 2, LastCommit: time.Unix(1795000000, 5e8)}, Rules: rulesReport{Judged: 119},
		Sources: []sourceReport{{
			Path: "/var/log/\"a\"\n.log", Dataset: "a", Site: "north", Read: 10, Parsed: 7, Unparsed: 1, Ignored: 1, Bytes: 900,
			Stored: 5, Apart: 1, Pending: 2, LagBytes: 100, LagS: 1.5, Lost: 50, Breach: "it does not add up",
		}},
		Inputs: []inputReport{
			{Name: "net", Used: 3, Max: 9, Refused: 4, Listeners: []listenerReport{{Address: "udp://:514", Received: 6, Dropped: 8}}},
			{Name: "journal", Used: 1, Max: 9, Journal: &journalReport{Entries: 11, Gaps: 1}},
		},
	}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(statusCollector{func() statusReport { return report }})
	if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
		t.Errorf("the metrics' names: %v, %v", problems, err)
	}
	const source = `dataset="a",path="/var/log/\"a\"\n.log",site="north"`
	want := strings.ReplaceAll(`
# HELP veritail_lines_total Lines by what became of them: read = parsed + unparsed + ignored + those of open records; parsed + unparsed = stored + quarantined + pending.
# TYPE veritail_lines_total counter
veritail_lines_total{SOURCE,state="ignored"} 1
veritail_lines_total{SOURCE,state="parsed"} 7
veritail_lines_total{SOURCE,state="pending"} 2
veritail_lines_total{SOURCE,state="quarantined"} 1
veritail_lines_total{SOURCE,state="read"} 10
veritail_lines_total{SOURCE,state="stored"} 5
veritail_lines_total{SOURCE,state="unparsed"} 1
# HELP veritail_lost_bytes_total Bytes that rotation destroyed before they could be read, since the start.
# TYPE veritail_lost_bytes_total counter
veritail_lost_bytes_total{SOURCE} 50
# HELP veritail_balanced 1 if the accounts of all sources add up.
# TYPE veritail_balanced gauge
veritail_balanced 0
# HELP veritail_input_dropped_total Messages that were lost, by where, since the start.
# TYPE veritail_input_dropped_total counter
veritail_input_dropped_total{address="",input="journal",where="spool"} 0
veritail_input_dropped_total{address="",input="net",where="spool"} 4
veritail_input_dropped_total{address="udp://:514",input="net",where="kernel"} 8
# HELP veritail_last_commit_timestamp_seconds When events were stored last.
# TYPE veritail_last_commit_timestamp_seconds gauge
veritail_last_commit_timestamp_seconds 1.7950000005e+09
`, "SOURCE", source)
	err := testutil.GatherAndCompare(r, strings.NewReader(want), "veritail_lines_total", "veritail_lost_bytes_total", "veritail_balanced",
		"veritail_input_dropped_total", "veritail_last_commit_timestamp_seconds")
	if err != nil {
		t.Error(err)
	}
}
