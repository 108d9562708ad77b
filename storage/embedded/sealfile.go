package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/archive"
)

// sealedGroup is the number of rows in a row group of a sealed file: what is read at least when one row is wanted.
const sealedGroup = 20_480

// sealedFile is a Parquet file of the columns of selectAll, by generation and offset; only the last rows of a piece may
// stand behind those of others.
type sealedFile struct {
	part
	bytes       int64
	sha256      string // hexadecimal
	first, last int64  // the earliest and the latest time of its events, µs
	gens        []genHeld
	durations   string // see durationsOf
	runsMade    []run
}

// genHeld is what a file holds of a generation.
type genHeld struct {
	gen event.GenID
	held
}

func (f *sealedFile) name() string { return sealedName(f.day, f.id) }

// write makes one file, compares it with what it was made of, and stores its runs.
func (j *sealJob) write(pieces []piece) error {
	f := sealedFile{part: part{day: j.day, id: j.s.lastPart.Add(1)}}
	f.file = filepath.Join(j.s.shelf.dir, f.name())
	j.made = append(j.made, f)
	if err := j.copyTo(f.file, pieces); err != nil {
		return err
	}
	if err := j.s.read(j.ctx, func(c *conn) error {
		same, err := j.sameAs(c, &f, pieces)
		if err == nil && !same {
			err = j.differs(c)
		}
		return err
	}); err != nil {
		return err
	}
	if f.rows == 0 { // the offsets of a generation lie far apart
		j.made = j.made[:len(j.made)-1]
		return os.Remove(f.file)
	}
	if err := j.s.read(j.ctx, func(c *conn) error { return f.describe(c, j.s.cfg.runRows) }); err != nil {
		return err
	}
	err := j.s.write(j.ctx, func(w *writer) error { return w.transaction(func() error { return w.storeRuns(&f) }) })
	j.made[len(j.made)-1] = f
	return err
}

// joinedPieces returns the pieces, those that follow on each other and need not be sorted as one.
func joinedPieces(pieces []piece) []piece {
	var out []piece
	for _, p := range pieces {
		if i := len(out) - 1; i >= 0 && p.sorted && out[i].sorted && out[i].gens == p.gens {
			out[i].offs[1], out[i].rows = p.offs[1], out[i].rows+p.rows
			continue
		}
		out = append(out, p)
	}
	return out
}

// copyTo writes the events of pieces to a file and makes it durable.
func (j *sealJob) copyTo(file string, pieces []piece) error {
	tmp := file + ".tmp"
	var selects []string
	for _, p := range joinedPieces(pieces) {
		order := " ORDER BY gen, off"
		if p.sorted {
			order = ""
		}
		selects = append(selects, fmt.Sprintf("(SELECT %s FROM (%s) WHERE %s%s)", selectAll, unionOf(j.from), p.where(), order))
	}
	// A branch that no batches can be made of. Without one the rows are compressed by all threads, which read ahead until
	// the memory that the database may use is full of rows, and then its folder of temporary files: 512 MiB and 1 GB for a
	// million events, instead of 50 MB.
	selects = append(selects, "SELECT "+strings.TrimSuffix(strings.Repeat("NULL, ", len(eventColumns)), ", ")+" FROM range(0)")
	err := j.s.read(j.ctx, func(c *conn) error {
		return c.exec(fmt.Sprintf(`COPY (%s) TO %s (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 6, ROW_GROUP_SIZE %d, PARQUET_VERSION v2)`,
			strings.Join(selects, " UNION ALL "), quote(tmp), sealedGroup))
	})
	if err == nil {
		err = archive.Sync(tmp)
	}
	if err == nil {
		err = os.Rename(tmp, file)
	}
	if err == nil {
		err = archive.Sync(filepath.Dir(file))
	}
	if err != nil {
		err = fmt.Errorf("write %s: %w", filepath.Base(file), err)
		if rm := os.Remove(tmp); rm != nil && !errors.Is(rm, os.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}
	return err
}

// digest is what a set of events has in common with another only if they are the same, in whatever order: how many
// there are, and the sum and the exclusive or of a hash of each.
type digest struct {
	rows int64
	sum  string
	xor  uint64
}

func digestOf(c *conn, events string) (d digest, err error) {
	err = one(c, "SELECT count(*), sum(hash(e))::VARCHAR, bit_xor(hash(e)) FROM ("+events+") AS e",
		func(c []cells) { d = digest{c[0].i64(0), c[1].str(0), c[2].u64(0)} })
	return d, err
}

// sameAs reports whether the file holds exactly the events of pieces.
func (j *sealJob) sameAs(c *conn, f *sealedFile, pieces []piece) (bool, error) {
	selects := make([]string, len(pieces))
	for i, p := range pieces {
		selects[i] = fmt.Sprintf("SELECT %s FROM (%s) WHERE %s", selectAll, unionOf(j.from), p.where())
	}
	want, err := digestOf(c, strings.Join(selects, " UNION ALL "))
	if err != nil {
		return false, err
	}
	got, err := digestOf(c, "SELECT "+selectAll+" FROM "+f.events())
	f.rows = got.rows
	return got == want, err
}

// differs is why a file is not what it was made of.
func (j *sealJob) differs(c *conn) error {
	hot := int64(0)
	err := one(c, `SELECT coalesce(sum(events), 0)::BIGINT FROM counts WHERE day = $1 AND part = 0`, func(c []cells) { hot = c[0].i64(0) }, j.day)
	if err != nil {
		return err
	}
	if hot != j.hot {
		return errAddedTo
	}
	return errors.New("the file that was written differs from the table, which stays as it is")
}

// describe reads what is known of a file from it: its size and digest, the events of each generation, times, durations and runs.
func (f *sealedFile) describe(c *conn, runRows int) error {
	var err error
	if f.sha256, f.bytes, err = archive.Sum(f.file); err != nil {
		return err
	}
	f.gens = nil
	r, err := c.query("SELECT gen, count(*), sum(lines)::BIGINT, min(time), max(time) FROM " + f.events() + " GROUP BY gen ORDER BY gen")
	if err != nil {
		return err
	}
	err = r.each(func(c []cells, i int) error {
		if len(f.gens) == 0 {
			f.first, f.last = c[3].i64(i), c[4].i64(i)
		}
		f.first, f.last = min(f.first, c[3].i64(i)), max(f.last, c[4].i64(i))
		f.gens = append(f.gens, genHeld{event.GenID(c[0].u64(i)), held{c[1].i64(i), c[2].i64(i)}})
		return nil
	})
	if err != nil {
		return err
	}
	if f.durations, err = durationsOf(c, f.part); err != nil {
		return fmt.Errorf("sum up the durations of %s: %w", f.name(), err)
	}
	m := runMaker{size: runRows}
	if err := m.read(c, f.part, func(runs []run) error { f.runsMade = append(f.runsMade, runs...); return nil }); err != nil {
		return fmt.Errorf("read the words of %s: %w", f.name(), err)
	}
	m.end()
	f.runsMade = append(f.runsMade, m.take()...)
	return nil
}

// storeRuns stores the runs of a file, ahead of the file itself.
func (w *writer) storeRuns(f *sealedFile) error {
	if err := w.c.exec(createRunTable(f.runs())); err != nil {
		return err
	}
	runs := f.runsMade
	f.runsMade = nil
	return w.c.putRuns(f.runs(), runs)
}
