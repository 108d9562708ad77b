package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/tools/elasticsearch"
)

// A daemon whose state directory is gone knows from the store how far each log was read: nothing is stored again, and what came meanwhile is,
// also from a file that was rotated.
func TestALostStateDirectoryRepeatsNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		store func(t *testing.T, dir string) string // its table of the configuration
	}{
		{"embedded", func(_ *testing.T, dir string) string {
			return fmt.Sprintf("[store]\npath = %q\n", filepath.Join(dir, "events"))
		}},
		{"Elasticsearch", func(t *testing.T, _ string) string {
			return fmt.Sprintf("[store]\nkind = \"elasticsearch\"\n[elasticsearch]\naddresses = [%q]\nprefix = \"lost-%d\"\nreplicas = 0\n", elasticsearch.ForTest(t), time.Now().UnixNano())
		}},
	} {
		if tc.name == "Elasticsearch" && testing.Short() {
			continue // a node takes a while
		}
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bin, dir := program(t), t.TempDir()
			conf := strings.Replace(strings.ReplaceAll(doubtConfig, "%STATE%", "state"), "[[source]]", tc.store(t, dir)+"[[source]]", 1)
			must(t, os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600))
			n := appendLines(t, dir, 0, 300)
			cmd := start(t, bin, dir)
			awaitStored(t, bin, dir, n)
			kill(t, cmd)
			must(t, os.RemoveAll(filepath.Join(dir, "state")))
			n = appendLines(t, dir, n, 300)
			must(t, os.Rename(filepath.Join(dir, "a.log"), filepath.Join(dir, "a.log.1")))
			n = appendLines(t, dir, n, 300)
			cmd = start(t, bin, dir)
			awaitStored(t, bin, dir, n)
			time.Sleep(3 * time.Second) // what would be read again is found within two
			check(t, output(t, bin, dir, "search", "-json", "-limit", "10000", "*"), n)
			stop(t, cmd)
		})
	}
}
