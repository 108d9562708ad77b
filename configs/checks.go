package configs

import (
	"io/fs"
	"slices"
	"strings"
	"time"
)

// ChecksFile is where checks stand in a configuration.
const ChecksFile = "checks.toml"

// Once is the period of what has to be done a single time.
const Once = "once"

// periods are those of checks, with how long each is.
var periods = map[string]time.Duration{Once: 0, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour, "quarter": 91 * 24 * time.Hour}

var periodNames = []string{Once, "day", "week", "month", "quarter"}

// A Check is what has to hold, or to be done, within its period.
type Check struct {
	ID      string `toml:"id" json:"id"`
	Title   string `toml:"title" json:"title"`
	List    string `toml:"list" json:"list"` // the heading that it stands below
	Period  string `toml:"period" json:"period"`
	Role    string `toml:"role" json:"role"`                           // who signs it off
	Query   string `toml:"query" json:"query,omitempty"`               // evidence: an event that matches
	KPI     string `toml:"kpi" json:"kpi,omitempty"`                   // evidence: the key figure meets its target
	Sign    bool   `toml:"sign" json:"sign,omitempty"`                 // it has to be signed off besides its evidence
	Missing string `toml:"not_measured" json:"not_measured,omitempty"` // what would give the evidence

	Grace time.Duration `toml:"-" json:"-"` // how long after its period it is due before it is overdue
}

// Length is how long what was done holds; 0: for ever.
func (c *Check) Length() time.Duration { return periods[c.Period] }

// Evidenced reports whether logs can show that it was done.
func (c *Check) Evidenced() bool { return c.Query != "" || c.KPI != "" }

// LoadChecks reads the checks of a configuration. Queries are checked by who runs them.
func LoadChecks(fsys fs.FS) ([]Check, error) {
	var file struct {
		Grace struct {
			Day     Duration `toml:"day"`
			Week    Duration `toml:"week"`
			Month   Duration `toml:"month"`
			Quarter Duration `toml:"quarter"`
		} `toml:"grace"`
		Check []Check `toml:"check"`
	}
	if err := Decode(fsys, ChecksFile, &file); err != nil {
		return nil, err
	}
	var faults Errors
	seen := map[string]bool{}
	grace := map[string]time.Duration{"day": time.Duration(file.Grace.Day), "week": time.Duration(file.Grace.Week), "month": time.Duration(file.Grace.Month), "quarter": time.Duration(file.Grace.Quarter)}
	for i := range file.Check {
		c := &file.Check[i]
		key := itemPath("check", i)
		c.Grace = grace[c.Period]
		c.check(func(at, format string, args ...any) {
			faults = append(faults, At(fsys, ChecksFile, key+at, format, args...))
		})
		if seen[c.ID] {
			faults = append(faults, At(fsys, ChecksFile, key+".id", "there is a check %q already", c.ID))
		}
		seen[c.ID] = true
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return file.Check, nil
}

// FaultOfCheck is an error at a key of the i-th check.
func FaultOfCheck(fsys fs.FS, i int, key, format string, args ...any) *Error {
	return At(fsys, ChecksFile, itemPath("check", i)+"."+key, format, args...)
}

func (c *Check) check(fault func(at, format string, args ...any)) {
	if !runbookName.MatchString(c.ID) {
		fault(".id", "the id of a check is of small letters and digits, as full-backup, not %q", c.ID)
	}
	for _, needed := range []struct{ key, value string }{{"title", c.Title}, {"list", c.List}, {"role", c.Role}} {
		if strings.TrimSpace(needed.value) == "" {
			fault("", "a check needs a %q", needed.key)
		}
	}
	if !slices.Contains(periodNames, c.Period) {
		hint := ""
		if near := Nearest(c.Period, periodNames); near != "" {
			hint = `; did you mean "` + near + `"?`
		}
		fault(".period", "key %q wants one of %s, not %q%s", "period", strings.Join(periodNames, ", "), c.Period, hint)
	}
	switch {
	case c.Query != "" && c.KPI != "":
		fault(".kpi", `a check has a "query" or a "kpi", not both`)
	case c.KPI != "" && c.Period == Once:
		fault(".kpi", `a key figure needs a period: "day", "week", "month" or "quarter"`)
	case c.Evidenced() && c.Missing == "":
		fault("", `a check with evidence says in "not_measured" what would give it`)
	case !c.Evidenced() && (c.Sign || c.Missing != ""):
		fault("", `a check without "query" and "kpi" is signed off anyway: leave "sign" and "not_measured" out`)
	}
}
