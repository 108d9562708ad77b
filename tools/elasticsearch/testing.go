package elasticsearch

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/saypro/veritail/tools/need"
)

// shared is the node of this test binary, started by the first test that asks for it. It ends with the process.
var shared = sync.OnceValues(func() (*Node, error) { return Start(context.Background(), Options{}) })

// ForTest returns the URL of a node that all tests of the binary share. Where the machine has no Java, or Elasticsearch
// has not been fetched, the test is skipped, or fails with REQUIRE_ALL=1.
func ForTest(t testing.TB) string {
	t.Helper()
	Needed(t)
	n, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return n.URL
}

// Needed skips the test where no node can be started.
func Needed(t testing.TB) {
	t.Helper()
	need.Program(t, "java")
	if _, err := assembled(); errors.Is(err, ErrNotAssembled) {
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}
