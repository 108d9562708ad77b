package rules

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/saypro/veritail/configs"
)

// HoursFile is the file of the configuration that says when people of the site work. Rules with outside name hours of it.
const HoursFile = "hours.toml"

// An hoursFile is what stands there.
type hoursFile struct {
	Zone  string              `toml:"zone"`     // of its hours and days; empty: this machine's
	Off   []string            `toml:"days_off"` // days without hours, as 2026-12-25, or 12-25 of every year
	Hours map[string][]string `toml:"hours"`    // by name: times of the week, as "mon-fri 07:00-19:00"
}

// workHours are hours made ready for the engine.
type workHours struct {
	name   string
	weekly []weekly
	zone   *time.Location
	off    []string
}

// has reports whether a time (µs) lies in the hours.
func (w *workHours) has(at int64) bool {
	t := time.UnixMicro(at).In(w.zone)
	if day := t.Format(time.DateOnly); slices.Contains(w.off, day) || slices.Contains(w.off, day[len("2006-"):]) {
		return false
	}
	return slices.ContainsFunc(w.weekly, func(w weekly) bool { return w.has(t) })
}

// equals reports whether two, of which either may be nil, are the same times.
func (w *workHours) equals(other *workHours) bool {
	if w == nil || other == nil {
		return w == other
	}
	return w.name == other.name && w.zone.String() == other.zone.String() && slices.Equal(w.weekly, other.weekly) && slices.Equal(w.off, other.off)
}

// atWork reports whether a row of a page lies in hours that the rule is not about.
func (e *Engine) atWork(r *compiled, p page, row int) bool {
	if !r.work.has(p.Time(row)) {
		return false
	}
	if e.watch != nil {
		e.watch.atWork(r, p.Page, row)
	}
	return true
}

// checkHours calls fail for what is wrong in the hours that the rule names, and takes them.
func (r *Rule) checkHours(fail func(key, format string, args ...any)) {
	if r.Outside == "" {
		return
	}
	var err error
	if r.work, err = readHours(r.fsys, r.Outside); err != nil {
		fail("outside", "%v", err)
	}
}

// readHours returns the hours of a name.
func readHours(fsys fs.FS, name string) (*workHours, error) {
	var f hoursFile
	if fsys == nil {
		return nil, fmt.Errorf("there is no configuration with %s", HoursFile)
	}
	if err := configs.Decode(fsys, HoursFile, &f); err != nil {
		return nil, err
	}
	at := func(key, format string, args ...any) error { return configs.At(fsys, HoursFile, key, format, args...) }
	texts, ok := f.Hours[name]
	if !ok {
		hint := ""
		if near := configs.Nearest(name, slices.Sorted(maps.Keys(f.Hours))); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return nil, fmt.Errorf("%s has no hours %q%s", HoursFile, name, hint)
	}
	w := &workHours{name: name, off: f.Off}
	for i, text := range texts {
		one, err := parseWeekly(text)
		if err != nil {
			return nil, at(fmt.Sprintf("hours.%s[%d]", name, i), "%v", err)
		}
		w.weekly = append(w.weekly, one)
	}
	for i, day := range f.Off {
		if _, err := time.Parse(time.DateOnly, day); err == nil {
			continue
		}
		if _, err := time.Parse(time.DateOnly, "2024-"+day); err != nil {
			return nil, at(fmt.Sprintf("days_off[%d]", i), "%q is no day; want one as 2026-12-25, or 12-25 for every year", day)
		}
	}
	if f.Zone == "" {
		f.Zone = "Local"
	}
	var err error
	if w.zone, err = time.LoadLocation(f.Zone); err != nil {
		return nil, at("zone", "%q is no time zone; want a name as Europe/Berlin", f.Zone)
	}
	return w, nil
}

// testHours are the hours by which the rule's tests are judged: the shipped ones of the name, where there are some, in UTC. A site that
// works at other times does not break a test.
func (r *Rule) testHours() *workHours {
	if r.work == nil {
		return nil
	}
	w := *r.work
	if shipped, err := readHours(configs.FS(""), r.Outside); err == nil {
		w = *shipped
	}
	w.zone = time.UTC
	return &w
}
