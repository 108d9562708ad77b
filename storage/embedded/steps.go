package embedded

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/saypro/veritail/storage/query"
)

// tellDays says which of the stored days a question is put to.
func tellDays(c *conn, parts []part, during query.Interval) error {
	if c.gauge.steps == nil {
		return nil
	}
	var days int
	if err := one(c, "SELECT count(DISTINCT day) FROM counts", func(c []cells) { days = int(c[0].i64(0)) }); err != nil {
		return fmt.Errorf("count the days: %w", err)
	}
	asked := byDay(parts)
	if len(asked) == 0 {
		c.gauge.step("none of the %s stored can have such events", plural(days, "day"))
		return nil
	}
	var tables, files int
	for _, p := range parts {
		if p.id == 0 {
			tables++
		} else {
			files++
		}
	}
	line := fmt.Sprintf("%s, %s to %s: ", plural(len(asked), "day"), dayText(asked[0][0].day), dayText(parts[len(parts)-1].day))
	if len(asked) == 1 {
		line = dayText(parts[0].day) + ": "
	}
	var kinds []string
	if tables > 0 {
		kinds = append(kinds, plural(tables, "table"))
	}
	if files > 0 {
		kinds = append(kinds, plural(files, "sealed file"))
	}
	line += strings.Join(kinds, " and ") + ", " + thousands(rowsOf(parts)) + " events"
	if out := days - len(asked); out > 0 {
		why := "outside the time asked for"
		if during == (query.Interval{}) {
			why = "without the files of the events asked for"
		}
		line += fmt.Sprintf("; %s left out, %s", plural(out, "day"), why)
	}
	c.gauge.step("%s", line)
	return nil
}

// tellDay says what a search looked at in a day.
func (f *finder) tellDay(parts []part, p probed, read int64, found int) {
	kind := "sealed"
	for _, part := range parts {
		if part.id == 0 && len(parts) == 1 {
			kind = "a table"
		} else if part.id == 0 {
			kind = "a table and sealed"
		}
	}
	all := rowsOf(parts)
	line := fmt.Sprintf("%s, %s: of %s events", dayText(parts[0].day), kind, thousands(all))
	if p.timely < all {
		line += fmt.Sprintf(" the times leave %s,", thousands(p.timely))
	}
	if f.need != nil {
		line += fmt.Sprintf(" the words' filters leave %s,", thousands(p.left))
	}
	f.c.gauge.step("%s %s were looked at and %s found", line, thousands(read), thousands(int64(found)))
}

func rowsOf(parts []part) int64 {
	n := int64(0)
	for _, p := range parts {
		n += p.rows
	}
	return n
}

// dayText writes a day as 2026-11-24.
func dayText(day int32) string { return dayTime(day).Format("2006-01-02") }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// thousands writes a count as 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}
