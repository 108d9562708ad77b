package embedded

import (
	"slices"
	"time"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// What is dropped is announced while there is still time to keep it: by age announceAhead before, by the disk once the
// store takes this share of what it may.
const (
	announceAhead = 24 * time.Hour
	announceFull  = 0.9
)

// dayUse is a day of the store with what it takes on disk.
type dayUse struct {
	parts  []part
	files  int64 // bytes of its files
	inside int64 // bytes in the database, about
	drop   storage.Drop
}

func (d *dayUse) bytes() int64 { return d.files + d.inside }

// usage returns the days, oldest first, and what the store takes on disk. Free space within the database file does
// not count: it is filled before the file grows.
func (w *writer) usage() (days []dayUse, total int64, err error) {
	parts, err := partsOf(w.c, query.Interval{})
	if err != nil {
		return nil, 0, err
	}
	files := make(map[int32]int64)
	if err := w.rows(`SELECT part, bytes FROM sealed`, func(c []cells, i int) {
		files[c[0].i32(i)] = c[1].i64(i)
		total += c[1].i64(i)
	}); err != nil {
		return nil, 0, err
	}
	inside := fileSize(w.path+".wal") - w.freed
	if err := w.rows(`SELECT block_size * used_blocks FROM pragma_database_size()`, func(c []cells, i int) { inside += c[0].i64(i) }); err != nil {
		return nil, 0, err
	}
	inside = max(inside, 0)
	rows := int64(1)
	for _, p := range parts {
		rows += p.weight()
	}
	for _, of := range byDay(parts) {
		d := dayUse{parts: of}
		for _, p := range of {
			d.files += files[p.id]
			d.inside += inside / rows * p.weight()
			d.drop.Events += p.rows
		}
		d.drop.Day = dayTime(of[0].day).Format(time.DateOnly)
		days = append(days, d)
	}
	return days, total + inside, nil
}

// weight is what a part takes in the database, in rows of a table: of a sealed one only the runs are there.
func (p part) weight() int64 {
	if p.id == 0 {
		return p.rows
	}
	return p.rows / 10
}

// sealed reports whether nothing of the day is in a table.
func (d *dayUse) sealed() bool { return d.parts[0].id != 0 }

// since is the time from which the day's age counts: its end, or when the last of it came back from an archive.
func (d *dayUse) since() time.Time {
	at := dayTime(d.day() + 1)
	for _, p := range d.parts {
		if back := time.UnixMicro(p.restored).UTC(); p.restored != 0 && back.After(at) {
			at = back
		}
	}
	return at
}

func (d *dayUse) day() int32 { return d.parts[0].day }

// due returns the days that are to be dropped by now, and those that are to be announced, with why.
func due(days []dayUse, total int64, p storage.Policy) (now, soon []dayUse) {
	today := dayOf(p.Now.UnixMicro())
	var rest []dayUse
	for _, d := range days {
		at := d.since().Add(p.Events)
		if p.Events > 0 {
			d.drop.At = at
		}
		switch {
		case p.Events > 0 && !at.After(p.Now):
			d.drop.Why = "age"
			now, total = append(now, d), total-d.bytes()
			continue
		case p.Events > 0 && !at.After(p.Now.Add(announceAhead)):
			d.drop.Why = "age"
			soon = append(soon, d)
		}
		if d.day() != today {
			rest = append(rest, d)
		}
	}
	if p.Disk <= 0 {
		return now, soon
	}
	// Oldest sealed day first, then the oldest that is not; of forged times in the future there may be days, too.
	slices.SortStableFunc(rest, func(a, b dayUse) int { return rank(a, today) - rank(b, today) })
	for _, d := range rest {
		d.drop.Why, d.drop.At = "disk", time.Time{}
		if total > p.Disk {
			now, total = append(now, d), total-d.bytes()
			continue
		}
		if float64(total) > announceFull*float64(p.Disk) {
			soon = append(soon, d)
		}
		break
	}
	return now, soon
}

func rank(d dayUse, today int32) int {
	switch {
	case d.day() > today:
		return 2
	case !d.sealed():
		return 1
	}
	return 0
}

// announce keeps what is to come in mind, and returns what of now may be dropped: what was announced long enough ago.
func (w *writer) announce(now, soon []dayUse, p storage.Policy, r *storage.Report) []dayUse {
	told := make(map[int32]time.Time)
	var drop []dayUse
	for i, d := range slices.Concat(now, soon) {
		at, known := w.announced[d.day()]
		if !known {
			at = p.Now
			r.Announced = append(r.Announced, d.drop)
		}
		if i < len(now) && p.Now.Sub(at) >= p.Notice {
			drop = append(drop, d)
			continue
		}
		told[d.day()] = at
		r.Coming = append(r.Coming, d.drop)
	}
	w.announced = told
	return drop
}
