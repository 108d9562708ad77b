package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A shelf is the folder of the files of sealed parts. A file that no part has any more stays until the reads that began
// before have ended, since they may still open it.
type shelf struct {
	dir string

	mu      sync.Mutex
	turn    uint64         // goes up when files are taken off
	reading map[uint64]int // reads by the turn in which they began
	off     []offShelf
}

type offShelf struct {
	file string
	turn uint64
}

// sealedSuffix is that of the shelf's folder, behind the store's path.
const sealedSuffix = ".sealed"

// sealedName is the file of a part: a name is never used twice.
func sealedName(day, part int32) string { return fmt.Sprintf("%s-%d.parquet", dayName(day), part) }

// begin says that a read begins; the returned function says that it has ended.
func (h *shelf) begin() (end func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reading == nil {
		h.reading = make(map[uint64]int)
	}
	turn := h.turn
	h.reading[turn]++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.reading[turn]--; h.reading[turn] == 0 {
			delete(h.reading, turn)
		}
		h.sweep()
	}
}

// takeOff removes files once no read needs them.
func (h *shelf) takeOff(files []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range files {
		h.off = append(h.off, offShelf{f, h.turn})
	}
	h.turn++
	h.sweep()
}

// sweep removes what no read needs. What cannot be removed is left for the next opening.
func (h *shelf) sweep() {
	h.off = slices.DeleteFunc(h.off, func(o offShelf) bool {
		for turn := range h.reading {
			if turn <= o.turn {
				return false
			}
		}
		_ = os.Remove(filepath.Join(h.dir, o.file))
		return true
	})
}

// tidy makes the folder if it is not there, and removes what a killed process left half written. It returns the files
// that are not among keep, and the highest number of a part in any name.
func (h *shelf) tidy(keep map[string]bool) (others []string, highest int32, err error) {
	if err := os.Mkdir(h.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, 0, fmt.Errorf("make the folder of sealed days: %w", err)
	}
	files, err := os.ReadDir(h.dir)
	if err != nil {
		return nil, 0, fmt.Errorf("read the folder of sealed days: %w", err)
	}
	for _, f := range files {
		name, half := strings.CutSuffix(f.Name(), ".tmp")
		_, number, _ := strings.Cut(name, "-")
		number, ours := strings.CutSuffix(number, ".parquet")
		n, err := strconv.ParseInt(number, 10, 32)
		if !ours || err != nil {
			continue
		}
		highest = max(highest, int32(n))
		switch {
		case half:
			if err := os.Remove(filepath.Join(h.dir, f.Name())); err != nil {
				return nil, 0, fmt.Errorf("remove what an earlier process left: %w", err)
			}
		case !keep[f.Name()]:
			others = append(others, f.Name())
		}
	}
	return others, highest, nil
}

// sweep takes the files off that no part has any more. Before, the database's main file has to say so: were the WAL that
// says it cut, the store would want them back.
func (w *writer) sweep() {
	if len(w.gone) > 0 {
		w.takeOff(w.gone)
		w.gone = nil
	}
}

// tidy brings folder, tables and memory into line with the parts that there are, after whatever ended the last process.
func (s *Store) tidy(w *writer) error {
	keep, runs := make(map[string]bool), make(map[string]bool)
	err := w.rows(`SELECT file, part FROM sealed`, func(c []cells, i int) {
		keep[c[0].str(i)] = true
		runs[part{id: c[1].i32(i)}.runs()] = true
		s.lastPart.Store(max(s.lastPart.Load(), c[1].i32(i)))
	})
	if err != nil {
		return fmt.Errorf("read the sealed days: %w", err)
	}
	others, highest, err := s.shelf.tidy(keep)
	if err != nil {
		return err
	}
	w.takeOff = s.shelf.takeOff
	if w.gone = append(w.gone, others...); fileSize(w.path+".wal") == 0 {
		w.sweep()
	}
	s.lastPart.Store(max(s.lastPart.Load(), highest))
	if err := w.c.exec(dropAnnex); err != nil {
		return fmt.Errorf("remove the annex that an earlier process left: %w", err)
	}
	var orphans []string
	err = w.rows(`SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'sealed_runs_')`, func(c []cells, i int) {
		if name := c[0].str(i); !runs[name] {
			orphans = append(orphans, name)
		}
	})
	for _, name := range orphans {
		if err == nil {
			err = w.c.exec("DROP TABLE " + name)
		}
	}
	if err != nil {
		return fmt.Errorf("remove what an earlier process left: %w", err)
	}
	return nil
}
