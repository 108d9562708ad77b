// Package checks says which checks of a site are done, due or overdue: its checklist and its maintenance schedule.
//
// It stands behind the flow, beside the reports: checks are data (configs/checks.toml), their evidence is read from the
// store, and what people sign off lies in the records.
package checks

import (
	"io/fs"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/query"
)

// A Check is one of the configuration, ready to be evaluated.
type Check struct {
	configs.Check
	where query.Expr      // of its query
	def   *kpi.Definition // its key figure
}

// Load reads the checks of a configuration, and compares what they name with the schema and the key figures. Where a site
// has a kpis.toml of its own beside the shipped checks, those whose figure it lacks are signed off. The error is a
// configs.Errors: all faults, each naming file, line and key.
func Load(fsys fs.FS, schema *event.Schema, defs []kpi.Definition) ([]Check, error) {
	list, err := configs.LoadChecks(fsys)
	if err != nil {
		return nil, err
	}
	byID := map[string]*kpi.Definition{}
	var ids []string
	for i := range defs {
		byID[defs[i].ID] = &defs[i]
		ids = append(ids, defs[i].ID)
	}
	together := configs.Together(fsys, configs.ChecksFile, "kpis.toml")
	var faults configs.Errors
	out := make([]Check, len(list))
	for i, c := range list {
		fault := func(key, near, format string, args ...any) {
			e := configs.FaultOfCheck(fsys, i, key, format, args...)
			e.Suggestion = near
			faults = append(faults, e)
		}
		out[i].Check = c
		if c.Query != "" {
			if out[i].where, err = query.Parse(c.Query, schema, time.Now()); err != nil {
				fault("query", "", "check %q: %v", c.ID, err)
			}
		}
		if c.KPI == "" {
			continue
		}
		switch d := byID[c.KPI]; {
		case d == nil && !together:
			out[i].KPI, out[i].Missing = "", ""
		case d == nil:
			fault("kpi", configs.Nearest(c.KPI, ids), "check %q: there is no key figure %q", c.ID, c.KPI)
		case d.Max == nil && d.Min == nil:
			fault("kpi", "", "check %q: the key figure %q has no target that could be met", c.ID, c.KPI)
		default:
			out[i].def = d
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return out, nil
}

// Find returns a check by its id, else the id that was nearest.
func Find(list []Check, id string) (*Check, string) {
	var ids []string
	for i := range list {
		if list[i].ID == id {
			return &list[i], ""
		}
		ids = append(ids, list[i].ID)
	}
	return nil, configs.Nearest(id, ids)
}
