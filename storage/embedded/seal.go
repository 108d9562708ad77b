package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/saypro/veritail/storage/query"
)

// A SealPolicy says which days are sealed. A day is never sealed before it has ended, in UTC.
type SealPolicy struct {
	Quiet  time.Duration  // how long nothing was added to the day
	During query.Interval // only days of which a part lies in it; zero: all
	Now    time.Time      // zero: the time now
}

// A SealedDay tells what Seal has made of a day.
type SealedDay struct {
	Day    string // 2026-11-24
	Events int64
	Files  int
	Bytes  int64 // of the files
}

// smallPart is up to how many rows a sealed part is sealed once more when events come late for its day.
const smallPart = 131_072

// Seal writes the tables of days that have ended as Parquet files beside the database, which hold the same rows in the
// order of their ids in about two thirds of the space, and are searched in place. Events that come late for such a day
// go to a table again, and that is sealed in its turn, together with the day's small files. A day whose table is added
// to meanwhile stays as it is.
//
// The rows that were written are compared with those of the table before the table is dropped, in one transaction: a
// crash leaves either state, and the next opening removes what the other would have needed.
func (s *Store) Seal(ctx context.Context, p SealPolicy) ([]SealedDay, error) {
	if p.Now.IsZero() {
		p.Now = time.Now()
	}
	s.sealing.Lock()
	defer s.sealing.Unlock()
	days, err := s.daysToSeal(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("seal the days that have ended: %w", err)
	}
	var done []SealedDay
	for _, day := range days {
		d, err := s.sealDay(ctx, day, p.Now)
		switch {
		case errors.Is(err, errAddedTo):
			continue
		case err != nil:
			return done, fmt.Errorf("seal %s: %w", dayTime(day).Format(time.DateOnly), err)
		}
		done = append(done, d)
	}
	return done, nil
}

var errAddedTo = errors.New("the day was added to while it was sealed")

func (s *Store) daysToSeal(ctx context.Context, p SealPolicy) ([]int32, error) {
	var days []int32
	err := s.read(ctx, func(c *conn) error {
		r, err := c.query(`SELECT day FROM counts WHERE part = 0 GROUP BY day HAVING max(written) <= $1 ORDER BY day`,
			p.Now.Add(-p.Quiet).UnixMicro())
		if err != nil {
			return err
		}
		return r.each(func(c []cells, i int) error {
			day := c[0].i32(i)
			begin := dayTime(day)
			end := begin.AddDate(0, 0, 1)
			if !end.After(p.Now) && (p.During.From == 0 || end.UnixMicro() > p.During.From) &&
				(p.During.To == 0 || begin.UnixMicro() < p.During.To) {
				days = append(days, day)
			}
			return nil
		})
	})
	return days, err
}

// sealDay seals a day's table and the small sealed parts of the day.
func (s *Store) sealDay(ctx context.Context, day int32, now time.Time) (SealedDay, error) {
	j := sealJob{s: s, ctx: ctx, day: day}
	defer j.cleanUp()
	if err := j.plan(); err != nil {
		return SealedDay{}, err
	}
	for _, pieces := range j.files {
		if err := j.write(pieces); err != nil {
			return SealedDay{}, err
		}
	}
	if err := j.swap(now); err != nil {
		return SealedDay{}, err
	}
	d := SealedDay{Day: dayTime(day).Format(time.DateOnly), Files: len(j.made)}
	for _, f := range j.made {
		d.Events += f.rows
		d.Bytes += f.bytes
	}
	return d, nil
}

// sealJob is the sealing of one day.
type sealJob struct {
	s   *Store
	ctx context.Context
	day int32

	hot   int64 // rows of the day's table when it began
	from  []part
	files [][]piece // what goes into each file
	made  []sealedFile
	done  bool
}

// piece is some of a day's events in the order of their ids: those of a range of generations, or of a range of offsets
// of one.
type piece struct {
	gens [2]uint64 // first and last
	offs [2]int64  // first and last, where the generations are one
	rows int64     // about

	sorted bool // the day's table has them in this order, so that nothing has to be sorted
}

func (p piece) where() string {
	if p.gens[0] != p.gens[1] {
		return fmt.Sprintf("gen BETWEEN %d AND %d", p.gens[0], p.gens[1])
	}
	return fmt.Sprintf("gen = %d AND off BETWEEN %d AND %d", p.gens[0], p.offs[0], p.offs[1])
}

// pieceRows are sorted at once, fileRows go into one file, about: neither needs much memory, or a transaction that is
// open for long and holds up the checkpoints.
const (
	pieceRows = 131_072
	fileRows  = 1 << 20
)

// rowBytes is what a row takes in a sealed file, at most: 67 bytes were measured for lines of 270.
const rowBytes = 100

// plan finds out what is to be sealed, and refuses a day for which there is no room.
func (j *sealJob) plan() error {
	if err := j.parts(); err != nil {
		return err
	}
	rows := int64(0)
	for _, p := range j.from {
		rows += p.rows
	}
	return j.s.cfg.room(rows * rowBytes)
}

// parts finds out what is to be sealed and cuts it into pieces and files.
func (j *sealJob) parts() error {
	return j.s.read(j.ctx, func(c *conn) error {
		begin := dayTime(j.day).UnixMicro()
		parts, err := partsOf(c, query.Interval{From: begin, To: begin + 1})
		if err != nil {
			return err
		}
		for _, p := range parts {
			if p.id == 0 {
				j.hot = p.rows
			}
			if p.id == 0 || p.rows < smallPart && p.restored == 0 {
				j.from = append(j.from, p)
			}
		}
		if j.hot == 0 {
			return errAddedTo // another has sealed or dropped it
		}
		r, err := c.query("SELECT gen, count(*), min(off), max(off) FROM (" + unionOf(j.from) + ") GROUP BY gen ORDER BY gen")
		if err != nil {
			return err
		}
		var pieces []piece
		err = r.each(func(c []cells, i int) error {
			pieces = appendPieces(pieces, c[0].u64(i), c[1].i64(i), c[2].i64(i), c[3].i64(i))
			return nil
		})
		if err == nil && len(j.from) == 1 {
			err = markSorted(c, j.from[0], pieces)
		}
		j.files = inFiles(pieces)
		return err
	})
}

// markSorted finds out which pieces, of one generation each, a day's table has in the order of their offsets. All but
// those of which events came back after a repair.
func markSorted(c *conn, p part, pieces []piece) error {
	last, unsorted := make(map[uint64]int64), make(map[uint64]bool)
	r, err := c.query("SELECT gen, off FROM " + p.events())
	if err != nil {
		return err
	}
	err = r.each(func(c []cells, i int) error {
		gen, off := c[0].u64(i), c[1].i64(i)
		if before, ok := last[gen]; ok && off < before {
			unsorted[gen] = true
		}
		last[gen] = off
		return nil
	})
	for i := range pieces {
		gen := pieces[i].gens[0]
		pieces[i].sorted = gen == pieces[i].gens[1] && !unsorted[gen]
	}
	return err
}

// appendPieces adds n events of a generation, with offsets from first to last.
func appendPieces(pieces []piece, gen uint64, n, first, last int64) []piece {
	if i := len(pieces) - 1; i >= 0 && pieces[i].rows+n <= pieceRows {
		pieces[i].gens[1] = gen
		pieces[i].rows += n
		return pieces
	}
	cuts := max(1, n/pieceRows)
	width := uint64(last-first)/uint64(cuts) + 1
	for at := uint64(first); at <= uint64(last); at += width {
		end := min(at+width-1, uint64(last))
		pieces = append(pieces, piece{gens: [2]uint64{gen, gen}, offs: [2]int64{int64(at), int64(end)}, rows: n / cuts})
	}
	return pieces
}

func inFiles(pieces []piece) [][]piece {
	var files [][]piece
	rows := int64(fileRows)
	for _, p := range pieces {
		if rows+p.rows > fileRows {
			files, rows = append(files, nil), 0
		}
		last := len(files) - 1
		files[last], rows = append(files[last], p), rows+p.rows
	}
	return files
}

// swap replaces the table and the parts that were sealed anew by the new parts.
func (j *sealJob) swap(now time.Time) error {
	var old []string
	err := j.s.writeLoaded(j.ctx, func(w *writer) error {
		if w.hot[j.day] != j.hot {
			return errAddedTo
		}
		days, _, err := w.usage()
		if err != nil {
			return err
		}
		for _, d := range days {
			if d.day() == j.day {
				w.freed += d.inside
			}
		}
		err = w.transaction(func() error {
			for _, p := range j.from {
				file, err := w.dropPart(p)
				if err != nil {
					return err
				}
				if file != "" {
					old = append(old, file)
				}
			}
			for _, f := range j.made {
				if err := w.putPart(f, now); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			w.gone = append(w.gone, old...)
		}
		return err
	})
	if err != nil {
		return err
	}
	j.done = true
	_ = j.s.write(j.ctx, (*writer).freeBlocks) // Check tells of a checkpoint that failed
	return nil
}

// cleanUp removes what was made in vain.
func (j *sealJob) cleanUp() {
	if !j.done && len(j.made) > 0 {
		j.s.discard(j.ctx, j.made)
	}
}

// discard removes files that did not become parts. A COMMIT that failed may stand all the same: then they are. What
// cannot be removed goes with a later opening.
func (s *Store) discard(ctx context.Context, made []sealedFile) {
	_ = s.write(context.WithoutCancel(ctx), func(w *writer) error {
		stands := false
		if err := w.rows(fmt.Sprintf(`SELECT 1 FROM sealed WHERE part = %d`, made[0].id), func([]cells, int) { stands = true }); err != nil || stands {
			return err
		}
		var files []string
		for _, f := range made {
			if err := w.c.exec("DROP TABLE IF EXISTS " + f.runs()); err != nil {
				return err
			}
			files = append(files, f.name())
		}
		s.shelf.takeOff(files)
		return nil
	})
}

// dropPart takes a part out of the store, but for its counts of what was ever stored, and returns the name of its file.
// The transaction must commit.
func (w *writer) dropPart(p part) (file string, err error) {
	tables := []string{p.runs()}
	if p.id == 0 {
		tables = append(tables, eventTable(p.day))
		w.dropped(p.day)
	} else {
		file = sealedName(p.day, p.id)
	}
	for _, t := range tables {
		if err := w.c.exec("DROP TABLE " + t); err != nil {
			return "", err
		}
	}
	if err := w.c.exec(`DELETE FROM counts WHERE day = $1 AND part = $2`, p.day, p.id); err != nil {
		return "", err
	}
	return file, w.c.exec(`DELETE FROM sealed WHERE part = $1`, p.id)
}

// dropped forgets a day's table. If the transaction fails after it, the writer reads everything again anyway.
func (w *writer) dropped(day int32) {
	delete(w.hot, day)
	delete(w.tails, day)
}

// putPart makes a sealed file a part of its day.
func (w *writer) putPart(f sealedFile, now time.Time) error {
	err := w.c.exec(`INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL,
		from_json(?, '[{"dataset": "VARCHAR", "site": "VARCHAR", "cell": "BIGINT", "n": "BIGINT"}]'))`,
		f.id, f.day, f.name(), int32(schemaVersion), f.rows, f.bytes, f.sha256, f.first, f.last, now.UnixMicro(), f.durations)
	if err != nil {
		return err
	}
	var sql strings.Builder
	for i, g := range f.gens {
		if i > 0 {
			sql.WriteString(", ")
		}
		fmt.Fprintf(&sql, "(%d, %d, %d, %d, %d, %d)", f.day, f.id, uint64(g.gen), g.events, g.lines, now.UnixMicro())
	}
	return w.c.exec("INSERT INTO counts VALUES " + sql.String())
}
