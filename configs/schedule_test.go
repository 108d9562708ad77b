package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSchedulesAreChecked(t *testing.T) {
	const mail = "[mail]\nserver = \"localhost\"\nfrom = \"a@b.example\"\n"
	for _, tc := range []struct{ name, text, want string }{
		{"fine", mail + "[[schedule]]\nreport = \"daily\"\ncron = \"10 0 * * *\"\nfolder = \"out\"\nto = [\"Ann <ann@b.example>\"]\n", ""},
		{"no report", "[[schedule]]\ncron = \"10 0 * * *\"\nfolder = \"out\"\n", `v.toml:1: a schedule needs "report"`},
		{"no times", "[[schedule]]\nreport = \"daily\"\nfolder = \"out\"\n", `key "cron" wants minute, hour`},
		{"wrong times", "[[schedule]]\nreport = \"daily\"\ncron = \"61 0 * * *\"\nfolder = \"out\"\n", `v.toml:3: key "cron" wants minute, hour`},
		{"seconds", "[[schedule]]\nreport = \"daily\"\ncron = \"0 10 0 * * *\"\nfolder = \"out\"\n", `v.toml:3: key "cron" wants minute, hour`},
		{"an interval", "[[schedule]]\nreport = \"daily\"\ncron = \"@every 1h\"\nfolder = \"out\"\n", `wants fixed times`},
		{"a day that never comes", "[[schedule]]\nreport = \"daily\"\ncron = \"0 0 31 2 *\"\nfolder = \"out\"\n", `v.toml:3: key "cron"`},
		{"nowhere", "[[schedule]]\nreport = \"daily\"\ncron = \"10 0 * * *\"\n", `where does the report go?`},
		{"no server", "[[schedule]]\nreport = \"daily\"\ncron = \"10 0 * * *\"\nto = [\"ann@b.example\"]\n", `name it in [mail]`},
		{"no address", mail + "[[schedule]]\nreport = \"daily\"\ncron = \"10 0 * * *\"\nto = [\"ann\"]\n", `v.toml:7: "ann" is no address`},
		{"twice", "[[schedule]]\nreport = \"daily\"\ncron = \"10 0 * * *\"\nfolder = \"x\"\n[[schedule]]\nreport = \"daily\"\ncron = \"10 0 * * *\"\nfolder = \"x\"\n", `v.toml:5: there is the same schedule already`},
		{"a slip", "[[schedule]]\nraport = \"daily\"\n", `did you mean "report"?`},
	} {
		path := filepath.Join(t.TempDir(), "v.toml")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadDaemon(path)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}
