package rules

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
)

// A Suppression leaves events out of rules: those that meet When, in the time that is given; without a time always. What is
// left out is no occurrence of the rule, and is counted apart (SuppressedSeries).
type Suppression struct {
	Rules  []string  `toml:"rules"`  // ids, or patterns of ids: "auth.*"; within a rule none: it is about that rule
	When   Condition `toml:"when"`   // nil: all events
	During []string  `toml:"during"` // every week: "sat 22:00-06:00", "mon-fri 12:00-13:00", "02:00-03:00"
	Zone   string    `toml:"zone"`   // of During; empty: this machine's
	From   time.Time `toml:"from"`   // once: from then
	Until  time.Time `toml:"until"`  // until then
	Reason string    `toml:"reason"`

	owner *Rule // stands for the suppression where it is no rule's own; nil: it is
}

// SuppressedSeries is the series of what was left out of a rule, by minute.
func SuppressedSeries(id string) string { return "suppressed/" + id }

// check calls fail for what is wrong in a suppression that stands at key.
func (s *Suppression) check(key string, fail func(key, format string, args ...any)) {
	if strings.TrimSpace(s.Reason) == "" {
		fail(key+".reason", "missing: why is this no finding?")
	}
	if s.When == nil && len(s.During) == 0 && s.From.IsZero() && s.Until.IsZero() {
		fail(key, "want a condition (when) or a time (during, from, until): it would leave out everything; to switch a rule off, say enabled = false")
	}
	if !s.From.IsZero() && !s.Until.IsZero() && !s.From.Before(s.Until) {
		fail(key+".until", "is not after from")
	}
	for i, text := range s.During {
		if _, err := parseWeekly(text); err != nil {
			fail(fmt.Sprintf("%s.during[%d]", key, i), "%v", err)
		}
	}
	if _, err := time.LoadLocation(s.zone()); err != nil {
		fail(key+".zone", "%q is no time zone; want a name as Europe/Berlin", s.Zone)
	}
}

// at returns what stands for the suppression, number i of a rule, in faults, and its key there.
func (s *Suppression) at(r *Rule, i int) (*Rule, string) {
	if s.owner != nil {
		return s.owner, ""
	}
	return r, fmt.Sprintf("suppress[%d]", i)
}

func (s *Suppression) zone() string {
	if s.Zone == "" {
		return "Local"
	}
	return s.Zone
}

// about reports whether the suppression is about a rule.
func (s *Suppression) about(id string) bool {
	return slices.ContainsFunc(s.Rules, func(pattern string) bool {
		ok, err := path.Match(pattern, id)
		return ok && err == nil
	})
}

// A weekly is a time that comes again each week.
type weekly struct {
	days     [7]bool // on which it begins, from Sunday
	from, to int     // minutes of the day; to is on the next day if it is not after from
}

var (
	weeklyForm = regexp.MustCompile(`^(?:([a-z,-]+) )?(\d\d):(\d\d)-(\d\d):(\d\d)$`)
	dayNames   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

// parseWeekly reads "sat 22:00-06:00": days, if not all, and the time from which to which.
func parseWeekly(text string) (w weekly, err error) {
	m := weeklyForm.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if m == nil {
		return w, fmt.Errorf("%q is no time of the week; want \"sat 22:00-06:00\", \"mon-fri 12:00-13:00\" or \"02:00-03:00\"", text)
	}
	var clock [4]int
	for i := range clock {
		clock[i], _ = strconv.Atoi(m[2+i])
	}
	w.from, w.to = clock[0]*60+clock[1], clock[2]*60+clock[3]
	if w.from >= 24*60 || w.to > 24*60 || clock[1] > 59 || clock[3] > 59 {
		return w, fmt.Errorf("%q: a day ends at 24:00", text)
	}
	if m[1] == "" {
		m[1] = "sun-sat"
	}
	for part := range strings.SplitSeq(m[1], ",") {
		first, last, several := strings.Cut(part, "-")
		from, to := slices.Index(dayNames, first), slices.Index(dayNames, last)
		if !several {
			to = from
		}
		if from < 0 || to < 0 {
			return w, fmt.Errorf("%q: days are %s", text, strings.Join(dayNames, ", "))
		}
		for d := from; ; d = (d + 1) % 7 {
			if w.days[d] = true; d == to {
				break
			}
		}
	}
	return w, nil
}

// has reports whether a time lies in it.
func (w *weekly) has(t time.Time) bool {
	day, at := int(t.Weekday()), t.Hour()*60+t.Minute()
	if w.from < w.to {
		return w.days[day] && w.from <= at && at < w.to
	}
	return w.days[day] && at >= w.from || w.days[(day+6)%7] && at < w.to
}

// suppression is a Suppression made ready for the engine.
type suppression struct {
	*Suppression
	when   int // number of its condition; -1: all events
	weekly []weekly
	zone   *time.Location
}

func newSuppression(s *Suppression, when int) *suppression {
	c := &suppression{Suppression: s, when: when}
	c.zone, _ = time.LoadLocation(s.zone()) // check has
	for _, text := range s.During {
		w, _ := parseWeekly(text)
		c.weekly = append(c.weekly, w)
	}
	return c
}

// has reports whether the time (µs) of an event is one in which events are left out.
func (s *suppression) has(at int64) bool {
	if !s.From.IsZero() && at < s.From.UnixMicro() || !s.Until.IsZero() && at >= s.Until.UnixMicro() {
		return false
	}
	if len(s.weekly) == 0 {
		return true
	}
	t := time.UnixMicro(at).In(s.zone)
	return slices.ContainsFunc(s.weekly, func(w weekly) bool { return w.has(t) })
}

// suppressed reports whether a row is left out of a rule, and counts it then.
func (e *Engine) suppressed(r *compiled, p page, row int) bool {
	for _, s := range r.suppress {
		if (s.when < 0 || e.cond.Match(s.when).Has(row)) && s.has(p.Time(row)) {
			if e.watch != nil {
				e.watch.leftOut(r, s, p.Page, row)
			}
			e.add(&r.left, p.from.place, floor(p.Time(row), minute), 1)
			return true
		}
	}
	return false
}

// Expired returns the suppressions whose time is over: they do nothing any more.
func Expired(rules []Rule, now time.Time) configs.Errors {
	var all configs.Errors
	for i := range rules {
		r := &rules[i]
		for j := range r.Suppress {
			s := &r.Suppress[j]
			if s.Until.IsZero() || now.Before(s.Until) {
				continue
			}
			at, key := s.at(r, j)
			f := at.fault(key+".until", "is over; leave the suppression out")
			if !slices.ContainsFunc(all, func(e *configs.Error) bool { return e.Error() == f.Error() }) { // it is about several rules
				all = append(all, f)
			}
		}
	}
	return all
}
