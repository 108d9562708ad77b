package embedded

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// killEnv, when set, makes the test binary the process that is killed: it holds the path of the store to write.
const killEnv = "VERITAIL_TEST_WRITE_UNTIL_KILLED"

// fullEnv, when set, makes it leave nothing free, and go on from the marks when something fails.
const fullEnv = "VERITAIL_TEST_FILL_THE_DISK"

func TestMain(m *testing.M) {
	if path := os.Getenv(killEnv); path != "" {
		err := writeUntilKilled(path)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const killGen = event.GenID(7)

// writeUntilKilled commits batches from the stored mark on and prints how far each commit that returned has come. Now and
// then it seals all days, and it has an annex half of the time. It returns only on errors.
func writeUntilKilled(path string) error {
	schema := event.NewSchema()
	cfg := Config{Path: path, Schema: schema, walDue: 2 << 20}
	full := os.Getenv(fullEnv) != ""
	if full {
		cfg.keptFree, cfg.minFree = -1, 1
	}
	s, err := Open(context.Background(), cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	marks, err := s.Marks(context.Background())
	if err != nil {
		return err
	}
	mark := event.Mark{Gen: killGen}
	if len(marks) > 0 {
		mark = marks[0]
	}
	var annex storage.Annex
	for {
		rows := 1 + rand.IntN(3000)
		if rand.IntN(12) == 0 {
			rows = 130_000 // a row group and more: these bypass the WAL
		}
		c := numbered(schema, &mark, rows)
		if refused, err := s.Commit(context.Background(), c); err != nil && full {
			marks, err := s.Marks(context.Background())
			if err != nil {
				return err
			}
			if mark = (event.Mark{Gen: killGen}); len(marks) > 0 {
				mark = marks[0]
			}
			time.Sleep(time.Millisecond)
			continue
		} else if err != nil || len(refused) > 0 {
			return fmt.Errorf("commit: refused %v: %w", refused, err)
		}
		fmt.Println(mark.Off)
		if !full && rand.IntN(4) == 0 {
			if annex, err = turnAnnex(s, annex); err != nil {
				return err
			}
		}
		if rand.IntN(3) == 0 {
			if _, err := s.Seal(context.Background(), SealPolicy{Now: later}); err != nil && !full {
				return err
			}
		}
	}
}

// turnAnnex closes the annex, or makes one with some events.
func turnAnnex(s *Store, a storage.Annex) (storage.Annex, error) {
	if a != nil {
		return nil, a.Close()
	}
	a, err := s.Annex(context.Background())
	if err != nil {
		return nil, err
	}
	_, err = a.Commit(context.Background(), numbered(s.schema, &event.Mark{Gen: killGen}, 1+rand.IntN(3000)))
	return a, err
}

// numbered makes a commit of rows lines of ten bytes that follow the mark, over two days, with a rollup that counts
// them and a finding.
func numbered(schema *event.Schema, mark *event.Mark, rows int) *event.Commit {
	c := &event.Commit{Batch: &event.Batch{From: []event.Mark{*mark}}}
	start := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).UnixMicro()
	for left := rows; left > 0; {
		p := &event.Page{Schema: schema, Arena: new(event.Arena), Gen: killGen, Data: "test", Path: "/var/log/test"}
		for ; left > 0 && p.N < event.PageRows; left-- {
			i := p.AddRow(p.Arena.PutString(fmt.Sprintf("%09d", mark.Off)), 1, []event.Span{{Off: mark.Off, Len: 10}})
			p.SetInt(i, event.FieldTime, start+mark.Off/5000%2*microsPerDay+mark.Off*100)
			mark.Off += 10
		}
		p.Complete()
		c.Pages = append(c.Pages, p)
	}
	mark.Lines.Read += int64(rows)
	mark.Lines.Parsed += int64(rows)
	c.To = []event.Mark{*mark}
	c.Rollups = []event.Delta{{Series: "n", Minute: start + mark.Off/1000*60e6, N: int64(rows)}}
	c.Findings = []event.Finding{{ID: strconv.FormatInt(mark.Off, 10), Rule: "test", Time: start}}
	return c
}

// After a kill at any moment the store opens, holds everything that was acknowledged, and its events, marks, rollups
// and findings agree.
func TestKilledWriterLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	for round := range 8 {
		acked := killOne(t, path, func() {})
		s, err := Open(t.Context(), Config{Path: path})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		checkKilled(t, s, acked)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

// killOne runs a writer, calls begun after its first commits, kills it at a random moment after these, and returns the last
// offset that it was told to be durable.
func killOne(t *testing.T, path string, begun func()) int64 {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), killEnv+"="+path)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acked int64
	lines, commits := bufio.NewScanner(out), 0
	for lines.Scan() {
		if acked, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
			t.Errorf("the writer says %q", lines.Text())
		}
		if commits++; commits == 3 {
			begun()
			time.AfterFunc(time.Duration(rand.IntN(400_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); commits < 3 || err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the writer ended by itself after %d commits: %v: %s", commits, err, errs.String())
	}
	return acked
}

func checkKilled(t *testing.T, s *Store, acked int64) {
	ctx := t.Context()
	marks, err := s.Marks(ctx)
	if err != nil || len(marks) != 1 {
		t.Fatalf("the marks are %v, error %v", marks, err)
	}
	if marks[0].Off < acked {
		t.Errorf("the mark stands at %d, but %d was acknowledged", marks[0].Off, acked)
	}
	want := marks[0].Off / 10
	table, err := s.Aggregate(ctx, access.All(), query.Agg{Values: []query.Measure{{Fn: "distinct", Field: "log.offset"}}})
	if err != nil {
		t.Fatal(err)
	}
	if n, ids := table.Rows[0].Count, int64(table.Rows[0].Values[0]); n != want || ids != want {
		t.Errorf("there are %d events with %d offsets, the mark says %d", n, ids, want)
	}
	rollups, err := s.Rollups(ctx, access.All(), storage.RollupQuery{})
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, d := range rollups {
		sum += d.N
	}
	if sum != want {
		t.Errorf("the rollups count %d events, the mark says %d", sum, want)
	}
	last, err := s.Findings(ctx, access.All(), storage.FindingQuery{ID: strconv.FormatInt(marks[0].Off, 10)})
	if err != nil || len(last) != 1 {
		t.Errorf("the last commit's finding: %d, error %v", len(last), err)
	}
	if r, err := s.Check(ctx); err != nil || len(r.Problems) > 0 {
		t.Errorf("check finds %v, error %v", r.Problems, err)
	}
	sealed := 0
	err = s.read(ctx, func(c *conn) error {
		return one(c, "SELECT count(*)::INTEGER FROM sealed", func(c []cells) { sealed = int(c[0].i32(0)) })
	})
	if files := sealedFiles(t, s); err != nil || len(files) != sealed+len(s.w.gone) {
		t.Errorf("there are %d sealed parts and the files %v, of which %v will go, error %v", sealed, files, s.w.gone, err)
	}
}
