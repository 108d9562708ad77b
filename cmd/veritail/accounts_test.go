package main

import (
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline"
)

func TestFindingsOfAccounts(t *testing.T) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	told := map[string]pipeline.SourceStatus{}
	for _, step := range []struct {
		what   string
		status pipeline.SourceStatus
		want   []string // messages
	}{
		{"nothing is wrong", pipeline.SourceStatus{}, nil},
		{"bytes are gone", pipeline.SourceStatus{LostBytes: 4096}, []string{"4,096 bytes of /var/log/a.log were gone before they could be read, and no rotated file has them."}},
		{"it was told", pipeline.SourceStatus{LostBytes: 4096}, nil},
		{"more are gone, and it does not add up", pipeline.SourceStatus{LostBytes: 5000, Breach: "2 lines were read, but 1 parsed"},
			[]string{"/var/log/a.log: 2 lines were read, but 1 parsed.", "904 bytes of /var/log/a.log were gone before they could be read, and no rotated file has them."}},
		{"a breach is told once", pipeline.SourceStatus{LostBytes: 5000, Breach: "3 lines were read, but 1 parsed"}, nil},
	} {
		step.status.Path = "/var/log/a.log"
		findings := accountFindings([]pipeline.SourceStatus{step.status}, told, at)
		told[step.status.Path] = step.status
		if len(findings) != len(step.want) {
			t.Fatalf("%s: %d findings, want %d", step.what, len(findings), len(step.want))
		}
		for i, f := range findings {
			if f.Message != step.want[i] {
				t.Errorf("%s: %q, want %q", step.what, f.Message, step.want[i])
			}
		}
	}
}
