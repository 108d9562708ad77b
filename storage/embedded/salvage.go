package embedded

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/embedded/tokens"
)

// small are the tables that have to be read as a whole: what cannot be read of them cannot be had from the files.
var small = []string{"generations", "marks", "counts", "sealed", "expired", "findings", "rollups"}

// agree makes what is summed up that of what is there. Lines that a mark tells of and that nothing else accounts for count
// as dropped.
var agree = []string{
	`UPDATE meta SET rolled = (SELECT coalesce(sum(n), 0)::BIGINT FROM rollups)`,
	`INSERT INTO expired SELECT m.gen, 0, m.parsed + m.unparsed - coalesce(k.lines, 0) FROM marks m LEFT JOIN
		(SELECT gen, sum(lines)::BIGINT AS lines FROM (SELECT gen, lines FROM counts WHERE part NOT IN (SELECT part FROM sealed WHERE restored IS NOT NULL)
			UNION ALL SELECT gen, lines FROM expired) GROUP BY gen) k ON m.gen = k.gen
		WHERE m.parsed + m.unparsed <> coalesce(k.lines, 0)
		ON CONFLICT DO UPDATE SET lines = expired.lines + excluded.lines`,
}

// single are the statements that leave of a day's events those that a mark has reached, each once.
func single(day int32) []string {
	return []string{
		fmt.Sprintf(`DELETE FROM %s AS t USING marks AS m WHERE t.gen = m.gen AND t.off + t.len > m.off`, eventTable(day)),
		fmt.Sprintf(`DELETE FROM %s WHERE rowid IN (SELECT r FROM (SELECT rowid AS r, row_number() OVER (PARTITION BY gen, off) AS copy FROM %[1]s) WHERE copy > 1)`, eventTable(day)),
	}
}

// salvage copies what can be read of the database to a new one at fresh. An error says that too little can be read, or
// that the database is of an earlier layout.
func (r *repair) salvage(fresh string) (holes []Hole, err error) {
	db, err := openDatabase(fresh, [][2]string{{"storage_compatibility_version", "latest"}, {"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"}})
	if err != nil {
		return nil, err
	}
	defer db.close()
	c, err := db.connect()
	if err != nil {
		return nil, err
	}
	defer c.close()
	err = c.interruptible(r.ctx, func() error {
		if err := c.exec("ATTACH " + quote(r.cfg.Path) + " AS old (READ_ONLY)"); err != nil {
			return err
		}
		for _, sql := range createTables {
			if err := c.exec(sql); err != nil {
				return err
			}
		}
		if err := c.exec(fmt.Sprintf("INSERT INTO meta SELECT * FROM old.meta WHERE version = %d", schemaVersion)); err != nil {
			return err
		}
		for _, table := range small {
			if err := c.exec("INSERT INTO " + table + " SELECT * FROM old." + table); err != nil {
				return fmt.Errorf("read %s: %w", table, err)
			}
		}
		if err := copyRuns(c); err != nil {
			return err
		}
		if holes, err = copyDays(c); err != nil {
			return err
		}
		for _, sql := range agree {
			if err := c.exec(sql); err != nil {
				return err
			}
		}
		return c.exec("CHECKPOINT")
	})
	return holes, err
}

// copyRuns copies the words of sealed parts. A part whose words cannot be read gets one run that may hold any: its events are
// looked at one by one.
func copyRuns(c *conn) error {
	tables, err := tablesOf(c, "old")
	if err != nil {
		return err
	}
	for _, table := range tables {
		if !strings.HasPrefix(table, "sealed_runs_") {
			continue
		}
		if err := c.exec(createRunTable(table)); err != nil {
			return err
		}
		err := c.exec("INSERT INTO " + table + " SELECT * FROM old." + table)
		if err != nil && !errors.Is(err, errFatal) { // of a layout before 7
			err = c.exec("INSERT INTO " + table + ` SELECT "first", n, t_from, t_to, ` + strings.Join(shardColumns(), ", ") + ", NULL FROM old." + table)
		}
		if errors.Is(err, errFatal) {
			return err
		}
		if err == nil {
			continue
		}
		any := strings.Repeat(`, '\xFF'::BLOB`, tokens.Shards)
		part := strings.TrimPrefix(table, "sealed_runs_")
		if err := c.exec(fmt.Sprintf(`INSERT INTO %s SELECT 0, rows, "first", "last"%s, NULL FROM sealed WHERE part = %s`, table, any, part)); err != nil {
			return fmt.Errorf("take all events of part %s for candidates: %w", part, err)
		}
	}
	return nil
}

// copyDays copies the tables of days, as far as they can be read, and makes the counts those of what was copied. The words
// of these days are found again when something is added to them, or when they are sealed.
func copyDays(c *conn) ([]Hole, error) {
	var days []int32
	r, err := c.query(`SELECT DISTINCT day FROM counts WHERE part = 0 ORDER BY day`)
	if err != nil {
		return nil, err
	}
	if err := r.each(func(c []cells, i int) error { days = append(days, c[0].i32(i)); return nil }); err != nil {
		return nil, err
	}
	var holes []Hole
	for _, day := range days {
		for _, sql := range []string{createEventTable(day), createRunTable(hotRuns(day))} {
			if err := c.exec(sql); err != nil {
				return nil, err
			}
		}
		rows := int64(0)
		if err := one(c, "SELECT coalesce(max(rowid) + 1, 0) FROM old."+eventTable(day), func(c []cells) { rows = c[0].i64(0) }); err != nil {
			return nil, err
		}
		for at := int64(0); at < rows; at += rowsOfGroup {
			if err := copyRows(c, day, at, min(rowsOfGroup, rows-at)); err != nil {
				return nil, err
			}
		}
		for _, sql := range single(day) {
			if err := c.exec(sql); err != nil {
				return nil, err
			}
		}
		of, err := holesOf(c, day)
		if err != nil {
			return nil, err
		}
		holes = append(holes, of...)
	}
	return holes, nil
}

// rowsOfGroup is DuckDB's row group. What is damaged is a column of one mostly, or of a part of it.
const rowsOfGroup = 60 * vectorSize

// copyRows copies n rows from row at on, in halves where they cannot be read at once.
func copyRows(c *conn, day int32, at, n int64) error {
	err := c.exec(fmt.Sprintf("INSERT INTO %s SELECT * FROM old.%[1]s WHERE rowid BETWEEN %d AND %d", eventTable(day), at, at+n-1))
	switch {
	case err == nil || errors.Is(err, errFatal):
		return err
	case n <= vectorSize:
		return nil // they are a hole
	}
	half := (n/2 + vectorSize - 1) / vectorSize * vectorSize
	if err := copyRows(c, day, at, half); err != nil || half >= n {
		return err
	}
	return copyRows(c, day, at+half, n-half)
}

// holesOf compares what was copied of a day with the counts, which it corrects; what is missing counts as dropped.
func holesOf(c *conn, day int32) ([]Hole, error) {
	r, err := c.query(fmt.Sprintf(`SELECT k.gen, coalesce(g.path, ''), k.events - coalesce(t.events, 0), k.lines - coalesce(t.lines, 0)
		FROM counts k LEFT JOIN (SELECT gen, count(*) AS events, sum(lines)::BIGINT AS lines FROM %s GROUP BY gen) t ON t.gen = k.gen
		LEFT JOIN generations g ON g.id = k.gen WHERE k.day = $1 AND k.part = 0 AND (k.events <> coalesce(t.events, 0) OR k.lines <> coalesce(t.lines, 0)) ORDER BY k.gen`, eventTable(day)), day)
	if err != nil {
		return nil, err
	}
	var holes []Hole
	err = r.each(func(c []cells, i int) error {
		holes = append(holes, Hole{Day: dayTime(day).Format(time.DateOnly), day: day, Gen: event.GenID(c[0].u64(i)), Path: c[1].str(i), Events: c[2].i64(i), Lines: c[3].i64(i)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, h := range holes {
		for _, sql := range []string{
			fmt.Sprintf("UPDATE counts SET events = events - %d, lines = lines - %d WHERE day = %d AND part = 0 AND gen = %d", h.Events, h.Lines, day, uint64(h.Gen)),
			fmt.Sprintf("INSERT INTO expired VALUES (%d, %d, %d) ON CONFLICT DO UPDATE SET events = expired.events + excluded.events, lines = expired.lines + excluded.lines",
				uint64(h.Gen), h.Events, h.Lines),
			"DELETE FROM counts WHERE events = 0",
		} {
			if err := c.exec(sql); err != nil {
				return nil, err
			}
		}
	}
	holes = slices.DeleteFunc(holes, func(h Hole) bool { return h.Events <= 0 })
	left := int64(0)
	if err := one(c, "SELECT count(*) FROM "+eventTable(day), func(c []cells) { left = c[0].i64(0) }); err != nil || left > 0 {
		return holes, err
	}
	return holes, errors.Join(c.exec("DROP TABLE "+eventTable(day)), c.exec("DROP TABLE "+hotRuns(day)))
}
