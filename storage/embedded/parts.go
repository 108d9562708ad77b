package embedded

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/saypro/veritail/storage/query"
)

// part is a piece of a day: its table, or a sealed file. All of a day's parts together are the day.
type part struct {
	day  int32
	id   int32  // 0: the day's table
	file string // path of a sealed part
	rows int64

	restored int64 // when it came back from an archive, µs; else 0

	first, last int64 // the times of its events lie between them, inclusive, µs
}

// partsOf returns the parts that may hold events of an interval, oldest day first. With gens, only parts that hold
// events of one of these generations.
func partsOf(c *conn, during query.Interval, gens ...uint64) ([]part, error) {
	var a args
	cond := "TRUE"
	if len(gens) > 0 {
		places := make([]string, len(gens))
		for i, g := range gens {
			places[i] = a.add(g)
		}
		cond = "part IN (SELECT part FROM counts AS k WHERE k.day = counts.day AND gen IN (" + strings.Join(places, ", ") + "))"
	}
	r, err := c.query(fmt.Sprintf(`SELECT k.day, k.part, k.events, s.file, s.restored, s."first", s."last" FROM (SELECT day, part, sum(events)::BIGINT AS events
		FROM counts WHERE %s GROUP BY day, part) AS k LEFT JOIN sealed AS s ON k.part = s.part ORDER BY k.day, k.part`, cond), a.values...)
	if err != nil {
		return nil, fmt.Errorf("read the days: %w", err)
	}
	var parts []part
	dir := c.dir
	err = r.each(func(c []cells, i int) error {
		p := part{day: c[0].i32(i), id: c[1].i32(i), rows: c[2].i64(i), restored: c[4].i64(i)}
		p.first, p.last = timesOf(p.day)
		if p.id != 0 {
			p.file = filepath.Join(dir, c[3].str(i))
			p.first, p.last = c[5].i64(i), c[6].i64(i)
		}
		if (during.From == 0 || p.day >= dayOf(during.From)) && (during.To == 0 || p.day <= dayOf(during.To-1)) {
			parts = append(parts, p)
		}
		return nil
	})
	return parts, err
}

// timesOf returns between which times, inclusive, the events of a day lie.
func timesOf(day int32) (first, last int64) {
	first = int64(day) * microsPerDay
	last = first + microsPerDay - 1
	if day == firstDay {
		first = anyTime.from
	}
	if day == lastDay {
		last = anyTime.to
	}
	return first, last
}

// within reports whether all events of the part lie in an interval.
func (p part) within(during query.Interval) bool {
	return (during.From == 0 || p.first >= during.From) && (during.To == 0 || p.last < during.To)
}

// byDay cuts parts, which are ordered by day, into those of each day.
func byDay(parts []part) [][]part {
	var days [][]part
	for len(parts) > 0 {
		n := 1
		for n < len(parts) && parts[n].day == parts[0].day {
			n++
		}
		days, parts = append(days, parts[:n]), parts[n:]
	}
	return days
}

// events is the part as it stands in a FROM clause, with the columns of selectAll in their order.
func (p part) events() string {
	if p.id == 0 {
		return eventTable(p.day)
	}
	return "read_parquet(" + quote(p.file) + ")"
}

// numbered is the part with a further column that numbers its rows from 0; row is this column's name.
func (p part) numbered() string {
	if p.id == 0 {
		return eventTable(p.day)
	}
	return "read_parquet(" + quote(p.file) + ", file_row_number = true)"
}

func (p part) row() string {
	if p.id == 0 {
		return "rowid"
	}
	return "file_row_number"
}

// runs is the table of the part's runs.
func (p part) runs() string {
	if p.id == 0 {
		return hotRuns(p.day)
	}
	return fmt.Sprint("sealed_runs_", p.id)
}

// quote makes a string literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// stretch is some rows of a part that lie together.
type stretch struct {
	part     int // in a list of parts
	first, n int64
	times
	text textOf // of its events
}

// times are between which times, inclusive, events lie, in µs.
type times struct{ from, to int64 }

// anyTime is all times.
var anyTime = times{math.MinInt64, math.MaxInt64}

func (s stretch) end() int64 { return s.first + s.n }

// where is the condition that a row of p lies in the stretch. In a table its times say more quickly than its rows which
// row groups need not be looked at.
func (s stretch) where(p part) string {
	cond := fmt.Sprintf("%s BETWEEN %d AND %d", p.row(), s.first, s.end()-1)
	if p.id == 0 && s.times != anyTime {
		cond += fmt.Sprintf(" AND time BETWEEN %d AND %d", s.from, s.to)
	}
	return cond
}

// joined returns the stretches in the order of their rows, those that touch as one. Gaps of up to gap rows are read
// with them; the gap grows until there are no more than most stretches.
func joined(list []stretch, gap int64, most int) []stretch {
	list = slices.SortedFunc(slices.Values(list), func(a, b stretch) int {
		if a.part != b.part {
			return a.part - b.part
		}
		return int(min(max(a.first-b.first, -1), 1))
	})
	for ; ; gap = max(2*gap, runRows) {
		out := list[:0:0]
		for _, s := range list {
			if last := len(out) - 1; last >= 0 && out[last].part == s.part && s.first-out[last].end() <= gap {
				if out[last].text |= s.text; s.first > out[last].end() {
					out[last].text = eitherText
				}
				out[last].n = max(out[last].end(), s.end()) - out[last].first
				out[last].times = times{min(out[last].from, s.from), max(out[last].to, s.to)}
				continue
			}
			out = append(out, s)
		}
		if len(out) <= most || len(out) <= countParts(out) {
			return out
		}
	}
}

// countParts counts the parts in a list ordered by part.
func countParts(list []stretch) int {
	n := 0
	for i := range list {
		if i == 0 || list[i].part != list[i-1].part {
			n++
		}
	}
	return n
}

// eventsIn is the events of some parts that lie in an interval. Where all of a part do, their times are not read.
func eventsIn(parts []part, during query.Interval) string {
	var whole, cut []part
	for _, p := range parts {
		if p.within(during) {
			whole = append(whole, p)
		} else {
			cut = append(cut, p)
		}
	}
	var list []string
	if len(whole) > 0 {
		list = append(list, unionOf(whole))
	}
	if len(cut) > 0 {
		list = append(list, fmt.Sprintf("SELECT * FROM (%s) WHERE %s", unionOf(cut), timely(during)))
	}
	return strings.Join(list, " UNION ALL ")
}

// timely is the condition that an event lies in an interval.
func timely(during query.Interval) string {
	cond := "TRUE"
	if during.From != 0 {
		cond += fmt.Sprintf(" AND time >= %d", during.From)
	}
	if during.To != 0 {
		cond += fmt.Sprintf(" AND time < %d", during.To)
	}
	return cond
}

// unionOf is the events of some parts, sealed ones read as one list of files.
func unionOf(parts []part) string {
	var list, files []string
	for _, p := range parts {
		if p.id == 0 {
			list = append(list, "SELECT * FROM "+p.events())
		} else {
			files = append(files, quote(p.file))
		}
	}
	if len(files) > 0 {
		list = append(list, "SELECT * FROM read_parquet(["+strings.Join(files, ", ")+"])")
	}
	return strings.Join(list, " UNION ALL ")
}
