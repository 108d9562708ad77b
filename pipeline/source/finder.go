package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/pipeline/event"
)

// Timing says how often a Finder looks.
type Timing struct {
	Rescan time.Duration // between evaluations of the patterns; 0: 1 s
	Settle time.Duration // how long an unknown rotated file has to rest before it is judged; 0: 2 s
}

// A Finder knows the followed paths and every generation seen at them or stored before. Its methods are safe for
// concurrent use.
type Finder struct {
	mu       sync.Mutex
	host     string
	patterns []Pattern
	timing   Timing
	places   map[string]*place
	lives    map[event.GenID]*life
	inodes   map[inode]*life
	scanned  time.Time            // when the patterns were evaluated last
	made     int                  // generations made by this Finder
	polls    int                  // calls of Look
	dirs     map[string]time.Time // when directories were changed last, as this Look has found them
}

// A life is a generation as the finder knows it.
type life struct {
	gen  event.Generation
	mark event.Mark
	head []byte      // the bytes of the fingerprint, if they were seen in this run
	born int64       // when its file was made, µs; 0 if that is not known
	file *File       // while it is read
	over bool        // its file was truncated: the inode is another generation's now
	end  ending      // of what was read of it, once file is nil
	redo *event.Mark // set while file is read: where to begin again when that has ended
}

// A place is a followed path with the generations that were seen there.
type place struct {
	path    string
	pattern Pattern
	floor   int64 // files that were made and written after this time, µs, belong to what is followed
	here    *life // the generation that has the name now
	last    *File // the newest that is read
	lives   []*life
	notice  *notice
	quiet   time.Time // when the size was seen to change last
	seen    facts     // of the file here, at the last look
	err     error     // why the path cannot be read; nil if it can
	bad     error     // what went wrong last with a file that is not or no longer here
	rest    verdict   // a compressed file here that has been read as far as it can be
	retry   time.Time
	siblings
}

// NewFinder returns a finder for the patterns; gens and marks are what the store holds.
func NewFinder(host string, patterns []Pattern, gens []event.Generation, marks []event.Mark, t Timing) (*Finder, error) {
	if t.Rescan == 0 {
		t.Rescan = time.Second
	}
	if t.Settle == 0 {
		t.Settle = 2 * time.Second
	}
	x := &Finder{host: host, patterns: patterns, timing: t, places: map[string]*place{}, lives: map[event.GenID]*life{}, inodes: map[inode]*life{}, dirs: map[string]time.Time{}}
	for i, p := range patterns {
		abs, err := filepath.Abs(p.Glob)
		if err == nil {
			_, err = filepath.Match(abs, "")
		}
		if err != nil {
			return nil, fmt.Errorf("source %q: %w", p.Glob, err)
		}
		patterns[i].Glob = abs
		if patterns[i].Exclude, err = absolute(p.Exclude); err != nil {
			return nil, err
		}
	}
	at := make(map[event.GenID]event.Mark, len(marks))
	for _, m := range marks {
		at[m.Gen] = m
	}
	slices.SortFunc(gens, func(a, b event.Generation) int { return int(a.Birth - b.Birth) })
	for _, g := range gens {
		if m, ok := at[g.ID]; ok && g.Host == host {
			x.remember(g, m)
		}
	}
	return x, nil
}

// remember takes up a stored generation; its place is followed even if the path is gone and only rotated files are
// left. What is gone from a spool had been read.
func (x *Finder) remember(g event.Generation, m event.Mark) {
	l := &life{gen: g, mark: m}
	x.lives[g.ID] = l
	x.inodes[inode{g.Device, g.Inode}] = l
	p := x.places[g.Path]
	if p == nil {
		i := slices.IndexFunc(x.patterns, func(p Pattern) bool { ok, _ := filepath.Match(p.Glob, g.Path); return ok || p.Glob == g.Path })
		if i < 0 {
			return
		}
		if x.patterns[i].Spool && !anyLeft(g.Path) {
			return
		}
		p = x.place(g.Path, x.patterns[i], g.Birth)
	}
	p.lives = append(p.lives, l)
}

func (x *Finder) place(path string, pattern Pattern, floor int64) *place {
	if pattern.Spool {
		floor = 0
	}
	p := &place{path: path, pattern: pattern, floor: floor}
	x.places[path] = p
	return p
}

// Look looks at every followed path and returns the files to be read from now on, each in a goroutine of its own.
func (x *Finder) Look(now time.Time) []*File {
	x.mu.Lock()
	defer x.mu.Unlock()
	if now.Sub(x.scanned) >= x.timing.Rescan {
		x.glob(now)
	}
	var start []*File
	x.polls++
	clear(x.dirs)
	for i, p := range x.ordered() {
		if (x.polls+i)%QuietPolls > 0 && p.resting(now) {
			continue
		}
		start = append(start, x.look(p, now)...)
		if p.pattern.Spool && errors.Is(p.err, os.ErrNotExist) {
			x.forget(p)
		}
	}
	return start
}

func (x *Finder) ordered() []*place {
	all := make([]*place, 0, len(x.places))
	for _, p := range x.places {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *place) int { return strings.Compare(a.path, b.path) })
	return all
}

// glob adds places for paths that match a pattern now. What appears after the first time was made after the last.
// A rotated name of another path is no place of its own: it belongs to that path's.
func (x *Finder) glob(now time.Time) {
	floor := x.scanned
	if floor.IsZero() {
		floor = now
	}
	x.scanned = now
	for _, pat := range x.patterns {
		if !isGlob(pat.Glob) {
			if x.places[pat.Glob] == nil {
				x.place(pat.Glob, pat, floor.UnixMicro())
			}
			continue
		}
		paths, _ := filepath.Glob(pat.Glob) // its only error is a bad pattern, and NewFinder has seen to that
		known := make(map[string]bool, len(paths))
		for _, path := range paths {
			known[path] = true
		}
		for _, path := range paths {
			if x.places[path] != nil || pat.excludes(path) || RotatedOf(path, func(s string) bool { return known[s] || x.places[s] != nil }) {
				continue
			}
			if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
				continue
			}
			x.place(path, pat, floor.UnixMicro())
		}
	}
}

// A file that has been quiet for Quiet is looked at in one poll of QuietPolls: notices tell of most changes before.
const (
	Quiet      = 2 * time.Second
	QuietPolls = 4
)

// resting reports whether the file here was quiet for a while, and nothing is to be found out beside it.
func (p *place) resting(now time.Time) bool {
	return p.here != nil && p.here.file != nil && !p.again && p.begun == p.fingerprinted() && p.err == nil && now.Sub(p.quiet) > Quiet
}

// look compares the path with what was there and returns what is to be read: rotated files first, then the new one.
func (x *Finder) look(p *place, now time.Time) []*File {
	fs, err := factsAt(p.path)
	var current *File
	switch {
	case errors.Is(err, os.ErrNotExist):
		p.err = err
		x.leave(p, renamed, now)
	case err != nil:
		p.err = err
	case p.here != nil && !p.here.over && p.here.reads(fs):
		p.err = nil
		p.keepNotice(fs, now)
	case p.here != nil && !p.here.over && p.here.file == nil && p.here.mayBe(fs) && p.isRead(fs):
	case now.Before(p.retry):
	default:
		current = x.adopt(p, now)
	}
	start := x.lookAround(p, now)
	if current != nil {
		start = append(start, current)
	}
	for _, f := range start {
		f.after, p.last = p.last, f
	}
	return start
}

// isRead reports whether the file here, which is not being read, has nothing to give.
func (p *place) isRead(fs facts) bool {
	m := p.here.mark
	return p.rest == fs.verdict() || p.err == nil && fs.size == m.Off && len(m.Open) == 0
}

// reads reports whether the file with these facts is the one that l is read from. It is open, so its inode is its own.
func (l *life) reads(fs facts) bool { return l.file != nil && l.file.id == fs.inode }

// mayBe reports whether the file with these facts can be the one of l. Unless it is open an inode is used again as
// soon as its file is removed, also while l is read from a copy; a file that was made later is another.
func (l *life) mayBe(fs facts) bool {
	return l.gen.Device == fs.dev && l.gen.Inode == fs.ino && fs.birth <= l.gen.Birth
}

// known returns the generation that the inode of a file stands for, nil if it may be any file by now.
func (x *Finder) known(fs facts) *life {
	if l := x.inodes[fs.inode]; l != nil && !l.over && (l.reads(fs) || l.mayBe(fs)) {
		return l
	}
	return nil
}

// ownerOf returns the generation whose own file, not a copy, has these facts and begins with head; nil if none.
func (x *Finder) ownerOf(fs facts, head []byte, packed bool) *life {
	l := x.known(fs)
	if l == nil || l.reads(fs) || l.same(fs, head, packed) {
		return l
	}
	l.over = true // the inode was used again, or the file was truncated while nobody looked
	return nil
}

// leave takes the name from the generation that had it.
func (x *Finder) leave(p *place, state int32, now time.Time) {
	if p.here == nil {
		return
	}
	if p.here.file != nil {
		p.here.file.leave(state, now)
	}
	p.notice.stop()
	p.here, p.notice, p.again = nil, nil, true
}

// adopt opens what the path names now and returns a File if it is not being read already.
func (x *Finder) adopt(p *place, now time.Time) *File {
	f, err := openRegular(p.path)
	if err != nil {
		p.err, p.retry = err, now.Add(x.timing.Rescan)
		return nil
	}
	file, err := x.adoptOpen(p, f, now)
	if file == nil {
		f.Close()
	}
	if p.err = err; err != nil {
		p.retry = now.Add(x.timing.Rescan)
	}
	return file
}

func (x *Finder) adoptOpen(p *place, f *os.File, now time.Time) (*File, error) {
	fs, err := factsOf(f)
	if err != nil {
		return nil, err
	}
	head, _, err := headOf(f, HeadBytes)
	if err != nil {
		return nil, err
	}
	packed := packingAt(f) != nil
	l := x.ownerOf(fs, head, packed)
	if l == nil {
		l = x.replaced(p, f, fs, head)
	}
	if l != nil && l.file != nil && !l.reads(fs) { // another file of it is still being read: look again when that is done
		l.file.leave(renamed, now)
		return nil, nil
	}
	if p.here != nil && p.here != l {
		x.leave(p, succeeded, now)
	}
	for _, old := range p.lives { // those whose name went away before this file came
		if old != l && old.file != nil {
			old.file.leave(succeeded, now)
		}
	}
	if l == nil {
		l = x.create(p, fs, nil, now)
	}
	p.here = l
	if l.file != nil {
		return nil, nil // it was renamed from one followed path to another
	}
	if packed {
		p.rest = fs.verdict()
	}
	file, err := newFile(x.describe(l, p, fs), l.mark, f, fs, packed)
	if err != nil {
		return nil, err
	}
	l.file, file.wait = file, p.pattern.Unended
	if !packed {
		l.born = fs.birth
	}
	p.seen, p.quiet = fs, now
	p.notice = watchFile(p.path, file)
	return file, nil
}

// describe brings the generation's description up to date: what the configuration says, and where its file is.
func (x *Finder) describe(l *life, p *place, fs facts) event.Generation {
	l.gen.Dataset, l.gen.Site = p.pattern.Dataset, p.pattern.Site
	if p.pattern.Format != "" {
		l.gen.Format = p.pattern.Format
	}
	if old := (inode{l.gen.Device, l.gen.Inode}); old != fs.inode && x.inodes[old] == l {
		delete(x.inodes, old) // that file is gone, and its inode may be anything by now
	}
	l.gen.Device, l.gen.Inode = fs.dev, fs.ino
	x.inodes[fs.inode] = l
	return l.gen
}

// same reports whether a file that may be the one of l, and that nobody held open meanwhile, is still that generation.
func (l *life) same(fs facts, head []byte, packed bool) bool {
	return matches(l.gen, head) && (packed || fs.size >= l.mark.Off)
}

// described returns the generation with its fingerprint as it stands.
func (l *life) described() fingerprint {
	if l.file != nil {
		return *l.file.print.Load()
	}
	return fingerprint{l.gen, l.head}
}

// replaced returns the generation of which the file at p's path is a whole copy that took its place, as when a file
// is written anew with its old lines first; nil if there is none. Short files are not judged so: two of them may
// begin alike.
func (x *Finder) replaced(p *place, f *os.File, fs facts, head []byte) *life {
	if len(head) < HeadBytes {
		return nil
	}
	for _, l := range slices.Backward(p.lives) {
		if g := l.described().gen; l.over || g.HeadLen < HeadBytes || fs.size < l.mark.Off || !matches(g, head) || !l.end.of(f) {
			continue
		}
		if l.file != nil && !l.file.replacedBy(f) || l.file == nil && x.stillThere(p, l) {
			continue
		}
		return l
	}
	return nil
}

// create makes a generation for a file that was not known, and of which head is known already. It begins at offset 0.
func (x *Finder) create(p *place, fs facts, head []byte, now time.Time) *life {
	g := event.Generation{
		Host: x.host, Path: p.path, Dataset: p.pattern.Dataset, Format: p.pattern.Format, Site: p.pattern.Site,
		Device: fs.dev, Inode: fs.ino,
		Birth: max(now.UnixMicro(), fs.birth), // a clock that was set back must not make it look reused
		Head:  xxhash.Sum64(head), HeadLen: int32(len(head)),
	}
	x.made++
	g.ID = generationID(g, x.made)
	l := &life{gen: g, mark: event.Mark{Gen: g.ID}}
	x.lives[g.ID] = l
	x.inodes[fs.inode] = l
	p.lives = append(p.lives, l)
	return l
}

// Ended says that f is no longer read, and where it stood. If its generation has more to give later, it is found
// again. It is called before f is closed.
func (x *Finder) Ended(f *File, g event.Generation, m event.Mark) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l := x.lives[g.ID]
	if l == nil || l.file != f {
		return
	}
	g.Device, g.Inode = l.gen.Device, l.gen.Inode
	l.gen, l.mark, l.head, l.file, l.end = g, m, f.head, nil, ending{}
	if f.unpack == nil {
		l.end = endingOf(f.f, m.Off)
	}
	if l.redo != nil {
		l.mark, l.redo = *l.redo, nil
	}
	if p := x.places[l.gen.Path]; p != nil {
		p.again = true // a copy may hold what was not read
	}
}

// Rewind makes the generation of m be read again from m, once its present reader, if there is one, has ended.
func (x *Finder) Rewind(m event.Mark) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l := x.lives[m.Gen]
	if l == nil {
		return
	}
	if l.mark = m; l.file != nil {
		l.redo = &m
	}
	if p := x.places[l.gen.Path]; p != nil {
		p.again, p.judged, p.rest = true, nil, verdict{}
	}
}

// Failed says that f could not be read. The path is tried again after a while, a damaged copy when it has changed.
func (x *Finder) Failed(f *File, err error, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.places[f.gen.Path]
	if p == nil {
		return
	}
	if p.bad = err; p.here != nil && p.here.file == f {
		p.err, p.retry = err, now.Add(x.timing.Rescan)
	}
}

// Close ends the watches. Files that are being read are closed by their readers.
func (x *Finder) Close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.places {
		p.notice.stop()
		p.notice = nil
	}
}

// keepNotice wakes the reader of a file that has changed, leaves watching to the poll while a file changes often, and watches it again when it is quiet.
func (p *place) keepNotice(fs facts, now time.Time) {
	if fs != p.seen {
		p.here.file.saw(fs.size)
		p.seen, p.quiet = fs, now
		p.here.file.poke()
		if now.Sub(time.UnixMicro(fs.ctime)) < coarse {
			p.seen = facts{} // what happens next may carry the same time
		}
	}
	switch {
	case p.notice != nil && p.notice.busy.Load():
		p.notice.stop()
		p.notice = nil
	case p.notice == nil && now.Sub(p.quiet) > Quiet:
		p.quiet = now
		p.notice = watchFile(p.path, p.here.file)
	}
}
