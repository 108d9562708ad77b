package discover

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
)

// Bounds of what is written of a source.
const (
	manyNames   = 4 // from which on names in a folder become a glob
	manyFolders = 5 // from which on folders do: fewer keep data sets of their own
	maxExclude  = 8
	perFolder   = 20 // names in a folder of which samples are read
)

// enough is the share of understood lines, in percent, below which no format is said to take a file.
const enough = 50

// group puts the files into sources: those of the well-known list, those of places, and the others by their names.
func (l *looker) group() {
	known, placed := make([][]*File, len(l.WellKnown)), make([][]*File, len(l.Where.Sources))
	sets := map[string][]*File{}
	for _, f := range l.files {
		switch {
		case f.known >= 0:
			known[f.known] = append(known[f.known], f)
		case f.place >= 0:
			placed[f.place] = append(placed[f.place], f)
		default:
			shape := shapeOf(f.Path)
			sets[shape] = append(sets[shape], f)
		}
	}
	for i, files := range known {
		if len(files) == 0 {
			continue
		}
		s := l.listed(&l.WellKnown[i], files)
		if l.Root == "" {
			l.found.Known = append(l.found.Known, s)
		} else {
			l.found.Sources = append(l.found.Sources, s)
		}
	}
	for i, files := range placed {
		if len(files) > 0 {
			l.found.Sources = append(l.found.Sources, l.listed(&l.Where.Sources[i], files))
		}
	}
	var named []Source
	told := map[string]int{} // sets of a folder
	for _, shape := range byAge(sets) {
		files := sets[shape]
		if in := filepath.Dir(shape) + extOf(shape); told[in] < perFolder {
			told[in]++
			l.tell(files)
		}
		left := slices.DeleteFunc(slices.Clone(files), func(f *File) bool { return f.binary })
		l.found.binary += len(files) - len(left)
		if len(left) > 0 {
			named = append(named, l.sourceOf(shape, newest(left)))
		}
	}
	byPath := func(a, b Source) int { return strings.Compare(a.Paths[0], b.Paths[0]) }
	slices.SortFunc(named, byPath)
	named = l.sameFolder(named)
	named = l.likeFolders(named)
	for i := range named {
		if named[i].Dataset == "" {
			named[i].Dataset = datasetOf(l.under(common(named[i].Paths)))
		}
	}
	slices.SortFunc(named, byPath)
	l.found.Sources = append(l.found.Sources, named...)
	for i := range l.found.Sources {
		s := &l.found.Sources[i]
		s.Exclude = l.strangers(s)
	}
}

// byAge returns the shapes, those of the files that were written last first: samples are bounded.
func byAge(sets map[string][]*File) []string {
	last := map[string]time.Time{}
	for shape, files := range sets {
		last[shape] = newest(files)[0].Written
	}
	shapes := slices.Sorted(maps.Keys(sets))
	slices.SortStableFunc(shapes, func(a, b string) int { return last[b].Compare(last[a]) })
	return shapes
}

// listed returns a source as a list has it, with those of its paths that files match.
func (l *looker) listed(from *configs.Source, files []*File) Source {
	l.tell(files)
	s := l.sourceOf("", newest(files))
	s.Paths, s.Dataset, s.Format, s.Prefix = nil, from.Dataset, configs.Auto, ""
	for _, glob := range from.Paths {
		path := escapeGlob(l.Root) + glob
		if slices.ContainsFunc(files, func(f *File) bool { ok, _ := filepath.Match(path, f.Path); return ok }) {
			s.Paths = append(s.Paths, path)
		}
	}
	if s.Kind == Odd || s.Kind == Unread {
		s.Kind = Understood // it is followed, whatever is in it
	}
	return s
}

// sourceOf returns the source of files that are called alike. Its data set is empty where the format does not say it.
func (l *looker) sourceOf(shape string, files []*File) Source {
	s := Source{Paths: []string{shape}, Format: configs.Auto, Kind: Empty, Files: files}
	var told []*Sample
	for _, f := range files {
		if f.Sample != nil {
			told = append(told, f.Sample)
		} else if f.Problem != "" {
			s.Kind = Closed
		} else if f.Size > 0 && s.Kind == Empty {
			s.Kind = Unread
		}
	}
	l.takeLayout(&s)
	if len(told) == 0 {
		return s
	}
	s.Kind = Odd
	first, same, sure, prefixed := told[0], true, true, true
	for _, t := range told {
		same, sure = same && t.Format == first.Format, sure && t.Alone
		prefixed = prefixed && t.Prefix == first.Prefix
		if t.Format != "" && t.Share() >= enough {
			s.Kind = Understood
		}
	}
	if s.Kind == Understood && same {
		if s.Dataset == "" {
			s.Dataset = l.Where.Datasets[first.Format]
		}
		if sure {
			s.Format = first.Format
		}
		if prefixed {
			s.Prefix = first.Prefix
		}
	}
	return s
}

// takeLayout takes up the layout that servers' settings name for all files of a source, if their lines need one.
func (l *looker) takeLayout(s *Source) {
	at := s.Files[0].layout
	for _, f := range s.Files {
		if f.layout != at || at == nil || f.Sample != nil && f.Sample.Layout == "" {
			return
		}
	}
	s.Layout, s.Format, s.Dataset = at.Text, at.Format, s.Files[0].dataset
	s.whence = at.From
}

// alike reports whether two sources differ in their paths only, as far as is known.
func alike(a, b *Source) bool {
	if b.Kind == Unread && a.Kind != Odd {
		return true
	}
	return a.Kind == b.Kind && a.Format == b.Format && a.Prefix == b.Prefix && a.Layout == b.Layout && a.Dataset == b.Dataset && a.Kind != Odd && mainFormat(a) == mainFormat(b)
}

// mainFormat returns the format of the newest file that has one.
func mainFormat(s *Source) string {
	for _, f := range s.Files {
		if f.Sample != nil {
			return f.Sample.Format
		}
	}
	return ""
}

// sameFolder makes one source of the many of a folder whose files are of one format.
func (l *looker) sameFolder(list []Source) []Source {
	return l.merged(list, manyNames, func(s *Source) []string {
		if ext := extOf(s.Paths[0]); ext != "" {
			return []string{filepath.Join(filepath.Dir(s.Paths[0]), "*"+ext)}
		}
		return nil
	})
}

// likeFolders makes one source of those in many folders whose files are called alike.
func (l *looker) likeFolders(list []Source) []Source {
	return l.merged(list, manyFolders, func(s *Source) (globs []string) {
		if len(s.Paths) > 1 {
			return nil
		}
		root := strings.Count(escapeGlob(l.Root), "/")
		parts := strings.Split(s.Paths[0], "/")
		for i := len(parts) - 2; i > root+1; i-- {
			glob := slices.Clone(parts)
			glob[i] = "*"
			globs = append(globs, strings.Join(glob, "/"))
		}
		return globs
	})
}

// merged makes one source of at least many that are alike and have a wider glob in common, unless too much else matches it.
func (l *looker) merged(list []Source, many int, wider func(*Source) []string) []Source {
	var order []string
	groups := map[string][]int{}
	for i := range list {
		for _, glob := range wider(&list[i]) {
			if groups[glob] == nil {
				order = append(order, glob)
			}
			groups[glob] = append(groups[glob], i)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(len(groups[b]), len(groups[a])) })
	gone := map[int]bool{}
	var out []Source
	for _, glob := range order {
		if l.takesWellKnown(glob) {
			continue
		}
		slices.SortStableFunc(groups[glob], func(a, b int) int { // what is not known joins what is
			return cmp.Compare(rank(&list[a]), rank(&list[b]))
		})
		for _, of := range partsOf(list, groups[glob], gone) {
			if len(of) < many {
				continue
			}
			wide := list[of[0]]
			wide.Paths, wide.Files = []string{glob}, nil
			for _, i := range of {
				wide.Files = append(wide.Files, list[i].Files...)
			}
			if wide.Files = newest(wide.Files); len(l.strangers(&wide)) > maxExclude {
				continue
			}
			for _, i := range of {
				gone[i] = true
			}
			out = append(out, wide)
		}
	}
	for i := range list {
		if !gone[i] {
			out = append(out, list[i])
		}
	}
	return out
}

// takesWellKnown reports whether a glob could match a log of the well-known list, which would have another data set by it.
func (l *looker) takesWellKnown(glob string) bool {
	for i := range l.WellKnown {
		for _, path := range l.WellKnown[i].Paths {
			for _, some := range []string{"", "x"} {
				if ok, _ := filepath.Match(glob, l.on(strings.ReplaceAll(path, "*", some))); ok {
					return true
				}
			}
		}
	}
	return false
}

func rank(s *Source) int {
	if s.Kind == Unread {
		return 1
	}
	return 0
}

// partsOf parts sources that are not gone into those that are alike.
func partsOf(list []Source, of []int, gone map[int]bool) (parts [][]int) {
next:
	for _, i := range of {
		if gone[i] {
			continue
		}
		for k := range parts {
			if alike(&list[parts[k][0]], &list[i]) {
				parts[k] = append(parts[k], i)
				continue next
			}
		}
		parts = append(parts, []int{i})
	}
	return parts
}

// strangers returns globs of the files that a source's paths match and that are not its own: those of other sources, and other names
// of its own.
func (l *looker) strangers(s *Source) []string {
	own := map[*File]bool{}
	for _, f := range s.Files {
		own[f] = true
	}
	matches := func(path string) bool { return matchesAny(s.Paths, path) }
	var out []string
	add := func(path string) {
		glob := shapeOf(path)
		for f := range own { // a wide exclusion must not take what is meant
			if ok, _ := filepath.Match(glob, f.Path); ok {
				glob = escapeGlob(path)
			}
		}
		if !slices.Contains(out, glob) {
			out = append(out, glob)
		}
	}
	for _, f := range l.files {
		if !own[f] && matches(f.Path) {
			add(f.Path)
		}
		for _, a := range f.aliases {
			if matches(a) {
				add(a)
			}
		}
	}
	slices.Sort(out)
	return out
}

// common returns a path that says what some globs have in common: the only one, or their folder.
func common(globs []string) string {
	if len(globs) == 1 {
		return globs[0]
	}
	return filepath.Dir(globs[0]) + "/"
}
