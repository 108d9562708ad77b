package elastic

import (
	"crypto/sha256"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/storetest"
	"github.com/saypro/veritail/tools/elasticsearch"
)

// around is the time of the tests, about that of the suite's events.
var around = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// cluster returns the URL of the test's node.
func cluster(t testing.TB) string {
	if testing.Short() {
		t.Skip("a node takes a while")
	}
	if url := os.Getenv("VERITAIL_ELASTICSEARCH"); url != "" {
		return url
	}
	return elasticsearch.ForTest(t)
}

// testConfig is the configuration of a store of its own for each dir.
func testConfig(t testing.TB, dir string, schema *event.Schema) Config {
	return Config{
		Addresses: []string{cluster(t)}, Prefix: fmt.Sprintf("test-%x", sha256.Sum256([]byte(dir)))[:20], Writer: "host1",
		Schema: schema, now: func() time.Time { return around },
	}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string, schema *event.Schema) storage.Store {
		s, err := Open(t.Context(), testConfig(t, dir, schema))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestSkewIsOfTheNearestClock(t *testing.T) {
	for _, off := range []time.Duration{0, -10 * time.Minute, 3 * time.Hour} {
		cfg := testConfig(t, t.TempDir(), event.NewSchema())
		cfg.now = func() time.Time { return time.Now().Add(off) }
		s, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		skew, err := s.Skew(t.Context())
		if want := -off; err != nil || (skew-want).Abs() > 5*time.Second {
			t.Errorf("with a clock that is off by %s the cluster is ahead by %s, want %s: %v", off, skew, want, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
