package rules

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/saypro/veritail/configs"
)

// Local is the folder of a site's own rules and changes: a rule there with the id of one in the folder rules changes that one, in
// the keys that it gives.
const Local = "local"

// A file is a rule file.
type file struct {
	Rule     []Rule        `toml:"rule"`
	Suppress []Suppression `toml:"suppress"`
}

// Load reads the rule files below the folders rules and local of fsys. Rules that are switched off are not among what it
// returns. Every mistake is reported, each with its file.
func Load(fsys fs.FS) ([]Rule, error) {
	all, err := loadAll(fsys)
	if err != nil {
		return nil, err
	}
	told, err := configs.LoadTransactions(fsys)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].know(told.Logs)
	}
	return slices.DeleteFunc(all, func(r Rule) bool { return r.off() }), nil
}

// know tells a rule about transactions what the site's logs say of theirs.
func (r *Rule) know(logs []configs.TransactionLog) {
	if r.States != nil {
		r.States.logs = logs
	}
	if r.Absence != nil && r.Absence.Own != "" {
		for i := range logs {
			r.Absence.longest = max(r.Absence.longest, logs[i].EndsWithin)
		}
	}
}

func (r *Rule) off() bool { return r.Enabled != nil && !*r.Enabled }

// A loader reads rule files.
type loader struct {
	fsys     fs.FS
	rules    map[string]*Rule
	suppress []*Suppression
	faults   configs.Errors
}

// loadAll is Load with the rules that are switched off.
func loadAll(fsys fs.FS) ([]Rule, error) {
	l, err := read(fsys)
	if err != nil {
		return nil, err
	}
	return l.end()
}

// read reads the rule files of a configuration.
func read(fsys fs.FS) (*loader, error) {
	l := &loader{fsys: fsys, rules: map[string]*Rule{}}
	for _, folder := range []string{"rules", Local} {
		err := fs.WalkDir(fsys, folder, func(name string, e fs.DirEntry, err error) error {
			if folder == Local && name == Local && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || e.IsDir() || path.Ext(name) != ".toml" {
				return err
			}
			l.read(name, folder == Local)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
	}
	return l, nil
}

// end returns the rules that were read, or what is wrong with them.
func (l *loader) end() ([]Rule, error) {
	l.apply()
	runbooks := sync.OnceValues(func() ([]string, error) { return configs.RunbookIDs(l.fsys) })
	var all []Rule
	for _, r := range l.rules {
		fail := func(key, format string, args ...any) { l.faults = append(l.faults, r.fault(key, format, args...)) }
		r.check(fail)
		r.checkRunbooks(runbooks, fail)
		all = append(all, *r)
	}
	if len(l.faults) > 0 {
		slices.SortStableFunc(l.faults, func(a, b *configs.Error) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Msg, b.Msg))
		})
		return nil, l.faults
	}
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// read reads one file.
func (l *loader) read(name string, local bool) {
	var f file
	if err := configs.Decode(l.fsys, name, &f); err != nil {
		l.faults = append(l.faults, asFaults(err, name)...)
		return
	}
	given := sync.OnceValue(func() []map[string]any { return l.given(name) })
	for i := range f.Rule {
		r := &f.Rule[i]
		r.File, r.fsys, r.path, r.lists = name, l.fsys, fmt.Sprintf("rule[%d]", i), &lists{}
		first := l.rules[r.ID]
		switch {
		case first == nil:
		case local && !isLocal(first.File), name == draftFile && first.File != name:
			if keys := given(); i < len(keys) {
				r.change(first, keys[i])
			}
		default:
			l.faults = append(l.faults, r.fault("id", "another rule of this name is in %s", first.File))
			continue
		}
		l.rules[r.ID] = r
	}
	for i := range f.Suppress {
		s := &f.Suppress[i]
		s.owner = &Rule{File: name, fsys: l.fsys, path: fmt.Sprintf("suppress[%d]", i), lists: &lists{}}
		l.suppress = append(l.suppress, s)
	}
}

// given returns the rules of a file as the keys that stand there. Few files change rules, and it takes as long as reading them.
func (l *loader) given(name string) []map[string]any {
	var f struct {
		Rule     []map[string]any `toml:"rule"`
		Suppress any              `toml:"suppress"`
	}
	if err := configs.Decode(l.fsys, name, &f); err != nil { // it has been changed since
		l.faults = append(l.faults, asFaults(err, name)...)
		return nil
	}
	return f.Rule
}

func isLocal(file string) bool { return strings.HasPrefix(file, Local+"/") }

// change makes r, of which the keys given were written, the rule first with these changes.
func (r *Rule) change(first *Rule, given map[string]any) {
	own, base := reflect.ValueOf(r).Elem(), reflect.ValueOf(first).Elem()
	judged, tested := given["severity"] != nil && (r.Severity == "info") != (first.Severity == "info"), false
	for key, i := range keys() {
		if _, ok := given[key]; !ok {
			own.Field(i).Set(base.Field(i))
			continue
		}
		judged, tested = judged || !slices.Contains(texts, key), tested || key == "test"
	}
	if judged && !tested { // they are of what the rule finds no more
		r.Tests = nil
	}
}

// texts are the keys that change nothing of what a rule finds, unless it was counted only, or is from now on.
var texts = []string{"id", "title", "message", "severity", "priority", "issue", "enabled", "audience", "runbook", "tags", "references"}

// keys calls yield with the keys of a rule and the numbers of their fields, in the order in which they are declared.
func keys() func(yield func(string, int) bool) {
	t := reflect.TypeFor[Rule]()
	return func(yield func(string, int) bool) {
		for i := range t.NumField() {
			if key := t.Field(i).Tag.Get("toml"); key != "" && key != "-" && !yield(key, i) {
				return
			}
		}
	}
}

// apply gives suppressions that stand beside rules to the rules that they are about.
func (l *loader) apply() {
	for _, s := range l.suppress {
		fail := func(key, format string, args ...any) {
			l.faults = append(l.faults, s.owner.fault(key, format, args...))
		}
		s.check("", fail)
		if len(s.Rules) == 0 {
			fail("rules", "missing: about which rules? [\"*\"] are all")
		}
		for i, pattern := range s.Rules {
			one := Suppression{Rules: []string{pattern}}
			found := false
			for id := range l.rules {
				found = found || one.about(id)
			}
			if !found {
				fail(fmt.Sprintf("rules[%d]", i), "there is no rule %q%s", pattern, l.nearest(pattern))
			}
		}
		for id, r := range l.rules {
			if s.about(id) {
				r.Suppress = append(slices.Clip(r.Suppress), *s)
			}
		}
	}
}

// nearest offers the rule that id is a slip for.
func (l *loader) nearest(id string) string {
	var ids []string
	for known := range l.rules {
		ids = append(ids, known)
	}
	slices.Sort(ids)
	if near := configs.Nearest(id, ids); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// fault returns what is wrong at a key of the rule, with its place.
func (r *Rule) fault(key, format string, args ...any) *configs.Error {
	key = strings.TrimPrefix(key, ".")
	path := strings.TrimSuffix(r.path+"."+key, ".")
	msg := fmt.Sprintf("rule %q: %s: %s", r.ID, key, fmt.Sprintf(format, args...))
	if r.ID == "" && strings.HasPrefix(path, "suppress") {
		msg = fmt.Sprintf("%s: %s", path, fmt.Sprintf(format, args...))
	}
	if r.fsys == nil {
		return &configs.Error{File: r.File, Msg: msg}
	}
	return configs.At(r.fsys, r.File, path, "%s", msg)
}

// A Change is a rule that is not as it was shipped.
type Change struct {
	ID   string   `json:"id"`
	File string   `json:"file"`
	Keys []string `json:"keys,omitempty"` // in which it differs; none for one that was not shipped
	Off  bool     `json:"off,omitempty"`
}

// Changes compares the rules below fsys with the shipped ones: those that differ, that are switched off, and that were not
// shipped.
func Changes(fsys, shipped fs.FS) ([]Change, error) {
	own, err := loadAll(fsys)
	if err != nil {
		return nil, err
	}
	theirs, err := loadAll(shipped)
	if err != nil {
		return nil, err
	}
	byID := map[string]*Rule{}
	for i := range theirs {
		byID[theirs[i].ID] = &theirs[i]
	}
	var list []Change
	for i := range own {
		r := &own[i]
		c := Change{ID: r.ID, File: r.fault("id", "").File, Off: r.off()}
		if first := byID[r.ID]; first != nil {
			if c.Keys = r.differs(first); len(c.Keys) == 0 {
				continue
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// differs returns the keys in which the rule differs from another. What is said beside rules is no part of them.
func (r *Rule) differs(from *Rule) (differ []string) {
	a, b := *r, *from
	isBeside := func(s Suppression) bool { return s.owner != nil }
	a.Suppress, b.Suppress = slices.DeleteFunc(slices.Clone(a.Suppress), isBeside), slices.DeleteFunc(slices.Clone(b.Suppress), isBeside)
	own, other := reflect.ValueOf(a), reflect.ValueOf(b)
	for key, i := range keys() {
		if key == "test" && len(r.Tests) == 0 {
			continue // those that were shipped are of the rule as it was
		}
		if x, y := own.Field(i), other.Field(i); !(x.IsZero() && y.IsZero()) && !isEmpty(x, y) && !reflect.DeepEqual(x.Interface(), y.Interface()) {
			differ = append(differ, key)
		}
	}
	return differ
}

// isEmpty reports whether two lists both have nothing.
func isEmpty(a, b reflect.Value) bool {
	return a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0
}
