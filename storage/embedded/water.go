package embedded

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/archive"
)

// A WAL that was cut or removed opens without a word as an earlier state of the store. So the file "<Path>.mark" beside
// it says how far the acknowledged commits had come: a first line of fixed size, written in place after each of them,
// and a line of JSON for each generation, so that files which the store has forgotten are known to be followed. It is
// not synced: a loss of power may take some of it, which only makes it see less.
const waterSuffix = ".mark"

// water is how far the commits had come.
type water struct {
	commits int64
	lines   int64 // that the marks account for
	at      int64 // when the last was acknowledged, µs
}

const waterBody = "veritail 1 commits %020d lines %020d at %020d"

func (m water) line() string {
	body := fmt.Sprintf(waterBody, m.commits, m.lines, m.at)
	return fmt.Sprintf("%s %08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

// parseWater reads the first line; one that is not whole says nothing.
func parseWater(line string) (m water, ok bool) {
	if _, err := fmt.Sscanf(line, waterBody, &m.commits, &m.lines, &m.at); err != nil || m.line() != line {
		return water{}, false
	}
	return m, true
}

// A waterFile is the open file.
type waterFile struct{ f *os.File }

// readWater returns what the file of the store at path says, nothing where there is none, and whether all of it can be
// read.
func readWater(path string) (m water, gens []event.Generation, whole bool, err error) {
	f, err := os.Open(path + waterSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return water{}, nil, false, nil
	}
	if err != nil {
		return water{}, nil, false, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	first, err := r.ReadString('\n')
	if m, ok := parseWater(first); err == nil && ok {
		d := json.NewDecoder(r)
		for {
			var g event.Generation
			if err := d.Decode(&g); err != nil { // the end, or the rest of a write that a kill has cut
				return m, gens, err == io.EOF, nil
			}
			gens = append(gens, g)
		}
	}
	return water{}, nil, false, nil
}

// createWater makes the file anew, with the generations that the store has.
func createWater(path string, m water, gens []event.Generation) (*waterFile, error) {
	tmp := path + waterSuffix + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	w := &waterFile{f}
	if _, err = f.WriteString(m.line()); err == nil {
		err = w.add(gens)
	}
	if err == nil {
		err = os.Rename(tmp, path+waterSuffix)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(tmp))
	}
	return w, nil
}

// rise says that the commits have come so far.
func (w *waterFile) rise(m water) error {
	_, err := w.f.WriteAt([]byte(m.line()), 0)
	return err
}

// add appends generations. The file is at its end.
func (w *waterFile) add(gens []event.Generation) error {
	b := bufio.NewWriter(w.f)
	enc := json.NewEncoder(b)
	for _, g := range gens {
		if err := enc.Encode(g); err != nil {
			return err
		}
	}
	return b.Flush()
}

func (w *waterFile) close() {
	if w != nil {
		_ = w.f.Close()
	}
}

// acknowledge notes outside of the database how far it has come. It is a help only: where it cannot be written, Check
// tells of it.
func (w *writer) acknowledge(gens []event.Generation) {
	if w.path == "" { // an annex outlives no process
		return
	}
	m := water{w.commits, w.lines, time.Now().UnixMicro()}
	if w.water == nil {
		w.water, w.waterErr = w.makeWater(m)
		return
	}
	err := w.water.add(gens)
	if err == nil {
		err = w.water.rise(m)
	}
	if w.waterErr = err; err != nil {
		w.water.close()
		w.water = nil
	}
}

// makeWater goes on with the file that is there, which a full disk allows, or makes it anew: where it cannot be read, or
// most of its lines are of generations that have changed since.
func (w *writer) makeWater(m water) (*waterFile, error) {
	gens, err := readGenerations(w.c)
	if err != nil {
		return nil, err
	}
	_, there, whole, err := readWater(w.path)
	if err == nil && whole && len(there) >= len(gens) && len(there) < 2*len(gens)+100 {
		f, err := os.OpenFile(w.path+waterSuffix, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		old := &waterFile{f}
		_, err = f.Seek(0, io.SeekEnd)
		if err == nil {
			err = old.rise(m)
		}
		if err == nil {
			return old, nil
		}
		old.close()
	}
	f, err := createWater(w.path, m, gens)
	if err != nil {
		return nil, fmt.Errorf("note how far the store has come: %w", err)
	}
	return f, nil
}

// readCommits returns how many commits the database has seen, 0 where it is new or of an earlier layout.
func (w *writer) readCommits() (n int64, err error) {
	there := false
	err = w.rows(`SELECT 1 FROM duckdb_columns() WHERE table_name = 'meta' AND column_name = 'commits'`, func([]cells, int) { there = true })
	if err != nil || !there {
		return 0, err
	}
	err = w.rows(`SELECT commits FROM meta`, func(c []cells, i int) { n = c[0].i64(i) })
	return n, err
}

// gap is what the store has lost of what it had acknowledged.
type gap struct {
	commits, lines int64
	until          water
	wal            string             // where what was there of the WAL is kept; empty if there was none
	forgotten      []event.Generation // that the store knows no more
	repaired       bool               // a repair has taken it away
}

// findGap compares the store with what was noted outside of it, before anything is written. What is there of the WAL is
// kept: DuckDB overwrites one whose head it does not know.
func (w *writer) findGap(now time.Time) (*gap, error) {
	noted, gens, _, err := readWater(w.path)
	if err != nil {
		return nil, fmt.Errorf("read how far the store had come: %w", err)
	}
	have, err := w.readCommits()
	if err != nil || noted.commits <= have {
		return nil, err
	}
	g := &gap{commits: noted.commits - have, until: noted, forgotten: gens, repaired: w.copied}
	if fileSize(w.path+".wal") > 0 && !w.copied {
		if g.wal, err = keepCopy(w.path+".wal", filepath.Dir(w.path), now); err != nil {
			return nil, fmt.Errorf("keep the WAL, of which commits are missing: %w", err)
		}
	}
	return g, nil
}

// keepCopy copies a doubtful file to a folder, under a name with the time, and returns the copy's path.
func keepCopy(path, dir string, now time.Time) (string, error) {
	kept := filepath.Join(dir, filepath.Base(path)+"."+now.UTC().Format("20060102T150405.000Z")+".kept")
	_, _, err := archive.Copy(path, kept)
	return kept, err
}

// takeGap stores the finding of the gap, and the generations that the store has forgotten, to be read from their
// beginning. The marks of the others are those of the commits that are left: reading goes on from them.
func (w *writer) takeGap(g *gap) (event.Finding, error) {
	g.lines = g.until.lines - w.lines
	var f event.Finding
	err := w.transaction(func() error {
		known := make(map[event.GenID]bool)
		if err := w.rows(`SELECT id FROM generations`, func(c []cells, i int) { known[event.GenID(c[0].u64(i))] = true }); err != nil {
			return err
		}
		last := make(map[event.GenID]event.Generation)
		for _, gen := range g.forgotten {
			if !known[gen.ID] {
				last[gen.ID] = gen
			}
		}
		g.forgotten = nil
		var marks []event.Mark
		for _, gen := range last {
			g.forgotten = append(g.forgotten, gen)
			if _, ok := w.marks[gen.ID]; !ok {
				marks = append(marks, event.Mark{Gen: gen.ID})
			}
		}
		if err := w.putGenerations(g.forgotten); err != nil {
			return err
		}
		if err := w.putMarks(marks); err != nil {
			return err
		}
		f = g.finding(w.path)
		return w.putFindings([]event.Finding{f})
	})
	if err != nil {
		return f, fmt.Errorf("take up that %d commits are missing: %w", g.commits, err)
	}
	return f, w.load()
}

func (g *gap) finding(path string) event.Finding {
	f := event.Finding{
		ID: fmt.Sprintf("store-gap-%d-%d", g.until.commits, g.until.at), Rule: "veritail.store", Severity: "high",
		Audience: []string{"operator", "security"},
		Title:    "The store has lost commits",
		Message: fmt.Sprintf("%d commits of %d lines are missing, up to %s",
			g.commits, max(g.lines, 0), time.UnixMicro(g.until.at).UTC().Format(time.DateTime)),
		Runbook: "The daemon reads the lines again from their files, rotated ones too; those whose files are gone are lost.",
		Count:   g.lines, Time: g.until.at, First: g.until.at, Last: g.until.at,
	}
	if g.repaired {
		f.Message += "."
	} else {
		f.Message += ": the WAL was cut or removed, or an earlier state was put back."
		f.Runbook += " Find out who or what changed " + path + ".wal."
	}
	switch n := len(g.forgotten); n {
	case 0:
	case 1:
		f.Message += " A log file was forgotten with them, and is followed again from its beginning."
	default:
		f.Message += fmt.Sprintf(" %d log files were forgotten with them, and are followed again from their beginning.", n)
	}
	if g.wal != "" {
		f.Message += " What was left of the WAL is kept as " + filepath.Base(g.wal) + "."
	}
	return f
}
