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

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// scanFile scans one file into a store that keeps its events.
func scanFile(t *testing.T, path string, stdin io.Reader, keyed bool) (*memStore, ScannedFile) {
	t.Helper()
	s := newMemStore()
	scan := Scan{
		Decoder: func(g event.Generation) (Decoder, error) { return newLineDecoder(g, keyed), nil },
		Commit: func(_ context.Context, c *event.Commit) error {
			for _, p := range c.Pages {
				s.take(p)
			}
			return nil
		},
		Stdin: stdin,
	}
	files, err := scan.Run(context.Background(), []event.Generation{{ID: 1, Path: path}})
	if err != nil {
		t.Fatal(err)
	}
	return s, files[0]
}

func TestAScanGivesEveryLineInOrder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "big.log")
	want := append(lines(0, 300_000), "no ending")
	if err := os.WriteFile(path, []byte(strings.Join(want, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	s, f := scanFile(t, path, nil, false)
	if f.Err != nil || f.Account.Read != int64(len(want)) || !slices.Equal(s.texts(), want) {
		t.Fatalf("%d events of %d lines; %+v", s.len(), len(want), f)
	}
}

func TestAScanEndsOpenRecordsAtTheEnd(t *testing.T) {
	t.Parallel()
	s, f := scanFile(t, source.Stdin, strings.NewReader("A one\nB un\na two"), true)
	if f.Err != nil || !slices.Equal(s.texts(), []string{"one|two|", "un|"}) {
		t.Fatalf("%q, %v", s.texts(), f.Err)
	}
}

func TestAScanGivesWhatComesBeforeDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cut.gz")
	writeGzip(t, path, text(lines(0, 100_000)))
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, st.Size()*3/4); err != nil {
		t.Fatal(err)
	}
	s, f := scanFile(t, path, nil, false)
	if !errors.Is(f.Err, io.ErrUnexpectedEOF) || !strings.Contains(f.Err.Error(), path) {
		t.Fatalf("error %v", f.Err)
	}
	n := s.len() - 1 // the last one lost its tail
	if n < 60_000 || !slices.Equal(s.texts()[:n], lines(0, n)) {
		t.Fatalf("%d lines before the damage, want about three quarters", n)
	}
	if last := s.events[n]; !last.unparsed || !strings.HasPrefix(last.text, "line ") {
		t.Errorf("last event %+v, want the beginning of a line, unparsed", last)
	}
}
