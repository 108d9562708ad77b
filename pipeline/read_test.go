package pipeline

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// readAll reads a finished file into a store, through the commit contract.
func readAll(t *testing.T, path string, stdin io.Reader, keyed bool) (*memStore, error) {
	t.Helper()
	f, err := source.Open(path, stdin)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := f.NewGeneration("here", time.Now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s := newMemStore()
	err = Read(context.Background(), f, g, newLineDecoder(g, keyed), 0, func(b *event.Batch) error {
		refused, err := s.Commit(context.Background(), &event.Commit{Batch: b})
		if len(refused) > 0 {
			t.Errorf("refused %v", refused)
		}
		b.Release()
		return err
	})
	return s, err
}

func TestReadGivesAFinishedFileInBatchesThatJoin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.log")
	want := append(lines(0, 1_000_000), "no ending")
	if err := os.WriteFile(path, []byte(strings.Join(want, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := readAll(t, path, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.texts(), want) {
		t.Fatalf("%d events, want %d in order", s.len(), len(want))
	}
	if s.commits < 3 {
		t.Errorf("%d batches for 13 MB", s.commits)
	}
}

func TestReadEndsOpenRecordsAtTheEnd(t *testing.T) {
	s, err := readAll(t, source.Stdin, strings.NewReader("A one\nB un\na two"), true)
	if err != nil || !slices.Equal(s.texts(), []string{"one|two|", "un|"}) {
		t.Fatalf("%q, %v", s.texts(), err)
	}
}

func TestReadGivesWhatComesBeforeDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.gz")
	writeGzip(t, path, text(lines(0, 100_000)))
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, st.Size()*3/4); err != nil {
		t.Fatal(err)
	}
	s, err := readAll(t, path, nil, false)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) {
		t.Fatalf("error %v", err)
	}
	n := s.len() - 1 // the last one lost its tail
	if n < 60_000 || !slices.Equal(s.texts()[:n], lines(0, n)) {
		t.Fatalf("%d lines before the damage, want about three quarters", n)
	}
	if last := s.events[n]; !last.unparsed || !strings.HasPrefix(last.text, "line ") {
		t.Errorf("last event %+v, want the beginning of a line, unparsed", last)
	}
}

func TestReadStopsWhenItsTakerFails(t *testing.T) {
	full := errors.New("full")
	g := event.Generation{ID: 1}
	err := Read(context.Background(), strings.NewReader("x\n"), g, newLineDecoder(g, false), 0, func(*event.Batch) error { return full })
	if !errors.Is(err, full) {
		t.Fatalf("error %v", err)
	}
}
