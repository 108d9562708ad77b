package parsers

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers/stamp"
	"github.com/saypro/veritail/pipeline/event"
)

// Signs change nothing of what detection counts: it counts as many lines of a sample as the patterns take, none of a format
// that is ruled out.
func TestSignsRuleOutNoLineThatAFormatTakes(t *testing.T) {
	t.Parallel()
	set, err := Load(configs.FS(""), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	samples, err := filepath.Glob("../testdata/formats/*.log")
	if err != nil || len(samples) < len(set.lines) {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	d := &Decoder{set: set, clock: stamp.NewClock(time.UTC, time.Time{})}
	tried, ruledOut := 0, 0
	for _, path := range samples {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := spread(sampleOf(text), firstLook)
		for _, e := range set.lines {
			f, n := set.get(e), 0
			d.makeRoom(f.room)
			if f.alone != nil {
				n = set.decodedLines(f, lines)
			} else {
				for _, line := range lines {
					if _, ok := d.match(f, line, &d.line); ok {
						n++
					}
				}
			}
			tried++
			switch {
			case !e.mayTake(lines...):
				ruledOut++
				if n > 0 {
					t.Errorf("%s takes %d lines of %s", e.name, n, path)
				}
			case f.join == nil && f.prefix == nil:
				if counted := set.taken(d, f, lines); counted != n {
					t.Errorf("%s takes %d lines of %s, %d are counted", e.name, n, path, counted)
				}
			}
		}
	}
	if ruledOut < tried/2 {
		t.Errorf("of %d tries only %d are ruled out", tried, ruledOut)
	}
}
