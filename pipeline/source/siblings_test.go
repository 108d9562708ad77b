package source

import "testing"

func TestIsRotated(t *testing.T) {
	for _, tc := range []struct {
		base, name string
		want       bool
	}{
		{"app.log", "app.log.1", true},
		{"app.log", "app.log.23.gz", true},
		{"app.log", "app.log-20261124", true},
		{"app.log", "app.log-20261124-1732400000.gz", true},
		{"app.log", "app.log.2026-11-24T10:00:00Z", true},
		{"app.log", "app.log.old", true},
		{"app.log", "app.log.gz", true},
		{"app.log", "app-20261124.log", true},
		{"app.log", "app-2026-11-24.log.gz", true},
		{"syslog", "syslog.1", true},
		{"syslog", "syslog-20261124", true},
		{"app.log", "app.log", false},
		{"app.log", "app-2.log", false}, // perhaps a second app
		{"app.log", "app.log.1.xz", false},
		{"app.log", "app.log.swp", false},
		{"app.log", "app.log2", false},
		{"app.log", "app.logger", false},
		{"app.log", "other.log.1", false},
		{".log", ".log.1", true},
	} {
		if got := isRotated(tc.base, tc.name); got != tc.want {
			t.Errorf("%s as a rotated name of %s: %v, want %v", tc.name, tc.base, got, tc.want)
		}
		known := func(p string) bool { return p == "/var/log/"+tc.base }
		if got := RotatedOf("/var/log/"+tc.name, known); got != tc.want {
			t.Errorf("%s found to be a rotated name of %s: %v, want %v", tc.name, tc.base, got, tc.want)
		}
	}
}
