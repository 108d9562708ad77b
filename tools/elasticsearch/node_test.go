package elasticsearch

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestNodeEndsWithItsStarterAndLeavesNothing(t *testing.T) {
	Needed(t)
	t.Setenv("TMPDIR", t.TempDir())
	n, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.end.Close(); err != nil { // as when this process dies
		t.Fatal(err)
	}
	select {
	case <-n.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on without the process that started it")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

func TestNodeThatCannotStartSaysWhy(t *testing.T) {
	Needed(t)
	t.Setenv("TMPDIR", t.TempDir())
	if _, err := Start(t.Context(), Options{Heap: "1x"}); err == nil || !strings.Contains(err.Error(), "Invalid") {
		t.Errorf("with a heap of no size: %v", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}
