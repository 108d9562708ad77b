package main

import (
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/reports/forecast"
)

// A disk is told of in time: once a week, and once more when it is urgent.
func TestADiskThatWillBeFullIsAFinding(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	disk := func(left time.Duration) *forecast.Disk {
		return &forecast.Disk{Host: "db01", Mount: "/var", Total: 100 << 30, Free: 20 << 30, PerDay: 2 << 30, Known: 10 * 24 * time.Hour, Last: now, Full: now.Add(left)}
	}
	f, ok := diskFinding(disk(10*24*time.Hour), now)
	if !ok || f.Severity != "medium" || f.Title != "/var of db01 will be full on 3 December" || !strings.Contains(f.Message, "20.0 GiB are free and 2.0 GiB a day go to it") {
		t.Errorf("in ten days: %v %+v", ok, f)
	}
	if again, _ := diskFinding(disk(9*24*time.Hour), now.Add(24*time.Hour)); again.ID != f.ID {
		t.Errorf("the next day it is told again: %s after %s", again.ID, f.ID)
	}
	if later, _ := diskFinding(disk(8*24*time.Hour), now.Add(7*24*time.Hour)); later.ID == f.ID {
		t.Error("the next week it is not told")
	}
	if urgent, ok := diskFinding(disk(2*24*time.Hour), now); !ok || urgent.Severity != "high" || urgent.ID == f.ID {
		t.Errorf("in two days: %v %+v", ok, urgent)
	}
	if _, ok := diskFinding(disk(15*24*time.Hour), now); ok {
		t.Error("one that is full in 15 days is told of")
	}
	empties := disk(0)
	empties.Full = time.Time{}
	if _, ok := diskFinding(empties, now); ok {
		t.Error("one that does not fill is told of")
	}
}
