package source

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// siblings is what a place knows of the files that rotation put beside its path.
type siblings struct {
	dirTime time.Time // of the directory, when it was looked through last
	looked  time.Time
	again   bool // something was undecided, or the path changed hands
	judged  map[string]verdict
	begun   int32 // how long the fingerprint of the file here was at that look
}

// A verdict is what a file looked like when it was found to hold nothing to read.
type verdict struct {
	inode
	size, ctime int64
}

func (fs facts) verdict() verdict { return verdict{fs.inode, fs.size, fs.ctime} }

// lookEvery is the longest time between two looks at rotated files: late growth does not show in the directory.
const lookEvery = 30 * time.Second

// clockSlack is how far a file system's coarse clock may be behind ours, in µs.
const clockSlack = 20_000

// rotatedTail is what rotation adds to a name: a number, a date, both, or "old"; and ".gz", say, when it compresses.
var rotatedTail = regexp.MustCompile(`^(?:[.-][0-9][0-9TZ:_.-]*|\.old)?` + packedExts + `$`)

// packedExt is the extension of a compressed file.
var packedExt = regexp.MustCompile(packedExts + `$`)

// rotatedStem is what rotation adds before the extension. A date only: app-2.log may be a second app's log.
var rotatedStem = regexp.MustCompile(`^[.-][0-9]{4}-?[0-9]{2}-?[0-9]{2}[0-9TZ:_.-]*$`)

// isRotated reports whether name is a rotated name of base: app.log.1, app.log-20261124.gz, app-20261124.log.gz.
func isRotated(base, name string) bool {
	if name == base {
		return false
	}
	if tail, ok := strings.CutPrefix(name, base); ok && rotatedTail.MatchString(tail) {
		return true
	}
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	tail, ok := strings.CutPrefix(packedExt.ReplaceAllString(name, ""), stem)
	if !ok || ext == "" || stem == "" || !strings.HasSuffix(tail, ext) {
		return false
	}
	return rotatedStem.MatchString(strings.TrimSuffix(tail, ext))
}

// RotatedOf reports whether path is a rotated name of a path that is known.
func RotatedOf(path string, known func(string) bool) bool {
	dir, name := filepath.Split(path)
	ext := filepath.Ext(packedExt.ReplaceAllString(name, ""))
	for i := 1; i < len(name); i++ {
		if name[i] != '.' && name[i] != '-' {
			continue
		}
		for _, base := range []string{name[:i], name[:i] + ext} {
			if known(dir+base) && isRotated(base, name) {
				return true
			}
		}
	}
	return false
}

// A sibling is a rotated file beside a followed path.
type sibling struct {
	path string
	fs   facts
}

// list returns the rotated files beside p that are not followed by themselves, oldest first.
func (x *Finder) list(p *place) []sibling {
	dir := filepath.Dir(p.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // the path itself shows this error
	}
	var all []sibling
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !isRotated(filepath.Base(p.path), e.Name()) || x.places[path] != nil {
			continue
		}
		if fs, err := factsAt(path); err == nil {
			all = append(all, sibling{path, fs})
		}
	}
	slices.SortStableFunc(all, func(a, b sibling) int { return int(a.fs.mtime - b.fs.mtime) })
	return all
}

// changed returns when the directory was changed last, as it was when Look came to the first file in it.
func (x *Finder) changed(dir string) (at time.Time, ok bool) {
	if at, ok := x.dirs[dir]; ok {
		return at, true
	}
	st, err := os.Stat(dir)
	if err != nil {
		return time.Time{}, false
	}
	x.dirs[dir] = st.ModTime()
	return st.ModTime(), true
}

// lookAround returns the files beside p that hold bytes nobody has read: the rest of a stored generation, under its
// inode or in a copy, and generations that came and went between two looks.
func (x *Finder) lookAround(p *place, now time.Time) []*File {
	changed, ok := x.changed(filepath.Dir(p.path))
	if !ok {
		return nil
	}
	begun := p.fingerprinted()
	if !p.again && begun == p.begun && changed.Equal(p.dirTime) && now.Sub(p.looked) < lookEvery {
		return nil
	}
	// A directory's time is coarse: what happens right after the look may carry the same time.
	p.again = now.Sub(changed) < 100*time.Millisecond
	p.dirTime, p.looked, p.begun = changed, now, begun
	var start []*File
	judged := map[string]verdict{}
	all := x.list(p)
	for _, byInode := range []bool{true, false} { // a copy counts only if the file itself does not have more
		for _, s := range all {
			v := s.fs.verdict()
			if p.judged[s.path] == v {
				judged[s.path] = v
				continue
			}
			l := x.known(s.fs)
			if (l != nil) != byInode || l != nil && l.reads(s.fs) {
				continue
			}
			f, how := x.judge(p, s.path, now)
			if f != nil {
				start = append(start, f)
			}
			if how == settled {
				judged[s.path] = v
			}
			p.again = p.again || how == undecided
		}
	}
	p.judged = judged
	return start
}

// A judgement says whether a rotated file has to be looked at again.
type judgement int

const (
	settled   judgement = iota // not until it changes
	waiting                    // when the generation that it seems to be a copy of is no longer read: Ended asks for that
	undecided                  // soon
)

// judge opens a rotated file and returns it if it holds unread bytes.
func (x *Finder) judge(p *place, path string, now time.Time) (*File, judgement) {
	f, err := openRegular(path)
	if os.IsNotExist(err) {
		return nil, undecided // renamed while we looked
	}
	if err != nil {
		return nil, settled
	}
	file, how, err := x.judgeOpen(p, f, now)
	if err != nil {
		p.bad = err
	}
	if file == nil {
		f.Close()
	}
	return file, how
}

func (x *Finder) judgeOpen(p *place, f *os.File, now time.Time) (*File, judgement, error) {
	fs, err := factsOf(f)
	if err != nil || fs.size == 0 {
		return nil, settled, err
	}
	packing := packingAt(f)
	packed := packing != nil
	rest := now.Sub(time.UnixMicro(fs.ctime))
	if packed && rest < x.timing.Settle {
		return nil, undecided, nil
	}
	head, cut, err := headOf(f, HeadBytes)
	if err != nil {
		return nil, settled, err
	}
	if cut && rest < lookEvery {
		return nil, undecided, nil // it is still being written, and what begins alike is not known yet
	}
	l := x.ownerOf(fs, head, packed)
	own := l != nil
	if !own {
		l = p.copyOf(head, fs)
	}
	switch {
	case l == nil:
		return x.judgeUnknown(p, f, fs, head, packed, now)
	case l.file != nil:
		return nil, waiting, nil
	case !unread(l, f, fs, packing):
		return nil, settled, nil
	}
	file, err := x.rotatedFile(l, f, fs, packed, now)
	if file != nil {
		file.static = !own || packed
	}
	if own && !packed {
		l.born = fs.birth
	}
	return file, settled, err
}

// judgeUnknown returns f as a generation of its own, once it can be told that it is one.
func (x *Finder) judgeUnknown(p *place, f *os.File, fs facts, head []byte, packed bool, now time.Time) (*File, judgement, error) {
	if wanted, _ := filepath.Match(p.pattern.Glob, f.Name()); !wanted && p.older(fs) {
		return nil, settled, nil // it was there before anybody followed this path
	}
	resting := now.Sub(time.UnixMicro(fs.ctime)) >= x.timing.Settle
	if !resting && (len(head) < HeadBytes || p.unknowable()) || p.here != nil && p.here.file != nil && !p.here.file.caughtUp() && p.here.file.mayBegin(head) {
		return nil, undecided, nil // it may be a copy, or the beginning of one
	}
	l := x.create(p, fs, head, now)
	if !packed {
		l.born = fs.birth
	}
	file, err := x.rotatedFile(l, f, fs, packed, now)
	return file, settled, err
}

// older reports whether a file was made or written last before the path was followed.
func (p *place) older(fs facts) bool {
	return fs.mtime < p.floor-clockSlack || fs.birth != 0 && fs.birth < p.floor-clockSlack
}

func (x *Finder) rotatedFile(l *life, f *os.File, fs facts, packed bool, now time.Time) (*File, error) {
	file, err := newFile(l.gen, l.mark, f, fs, packed)
	if err != nil {
		return nil, err
	}
	file.leave(succeeded, now)
	l.file = file
	return file, nil
}

// copyOf returns the generation of which a file that begins with head is a copy. A short file that was written last
// before the generation's own file was made is none: programs begin their logs with the same lines. Its fingerprint is the beginning of
// head, or, for a copy that was made when the file was still short, head is the beginning of the fingerprint. Of
// several it is the one of which most is the same. Of a generation that was truncated before this run only the
// fingerprint's hash is left: a copy that is shorter than that fingerprint, which is less than HeadBytes, is not
// known again then, and its lines are read a second time.
func (p *place) copyOf(head []byte, fs facts) (best *life) {
	most := 0
	for _, l := range slices.Backward(p.lives) {
		if len(head) < HeadBytes && fs.mtime < l.born {
			continue
		}
		d := l.described()
		same := 0
		if matches(d.gen, head) {
			same = int(d.gen.HeadLen)
		} else if bytes.HasPrefix(d.head, head) {
			same = len(head)
		}
		if same > most {
			best, most = l, same
		}
	}
	return best
}

// unknowable reports whether a file of p has no fingerprint yet, so that a copy of it looks like a new generation.
func (p *place) unknowable() bool {
	return slices.ContainsFunc(p.lives, func(l *life) bool { return l.file != nil && l.described().gen.HeadLen == 0 })
}

// unread reports whether f, of l or a copy of it, holds more than has been read.
func unread(l *life, f *os.File, fs facts, p *packing) bool {
	if len(l.mark.Open) > 0 {
		return true
	}
	if p == nil {
		return fs.size > l.mark.Off
	}
	if p.size == nil {
		return true
	}
	n, modulo, ok := p.size(f, fs.size)
	return !ok || n != l.mark.Off%modulo
}

// stillThere reports whether the file of l lies beside p.
func (x *Finder) stillThere(p *place, l *life) bool {
	return slices.ContainsFunc(x.list(p), func(s sibling) bool { return l.reads(s.fs) || l.mayBe(s.fs) })
}

// fingerprinted returns the length of the fingerprint of the file here. While it is short, a rotated file that begins
// like it may be taken for its copy, so that has to be judged again when it has grown.
func (p *place) fingerprinted() int32 {
	if p.here == nil {
		return 0
	}
	return p.here.described().gen.HeadLen
}

// A Copy is an open file that holds the bytes of a generation whose own file is gone.
type Copy struct {
	f      *os.File
	packed bool
	size   int64
}

// Truncated says that f's file was truncated. It returns a copy that holds bytes of f's generation after those that
// have been read, if rotation left one. The file itself becomes a new generation.
func (x *Finder) Truncated(f *File) (Copy, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.places[f.gen.Path]
	if l := x.lives[f.gen.ID]; l != nil {
		l.over = true
	}
	if p == nil {
		return Copy{}, false
	}
	p.again = true
	for _, s := range slices.Backward(x.list(p)) {
		if x.known(s.fs) != nil {
			continue
		}
		if c, ok := openCopy(s.path, f); ok {
			return c, true
		}
	}
	return Copy{}, false
}

func openCopy(path string, of *File) (Copy, bool) {
	f, err := openRegular(path)
	if err != nil {
		return Copy{}, false
	}
	c := Copy{f: f, packed: packingAt(f) != nil}
	head, _, err := headOf(f, HeadBytes)
	fs, err2 := factsOf(f)
	if err == nil && err2 == nil && of.gen.HeadLen > 0 && matches(of.gen, head) && (c.packed || fs.size > of.pos) {
		c.size = fs.size
		return c, true
	}
	f.Close()
	return Copy{}, false
}

// anyLeft reports whether the file at path or a rotated one beside it is there.
func anyLeft(path string) bool {
	entries, err := os.ReadDir(filepath.Dir(path))
	base := filepath.Base(path)
	return err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == base || isRotated(base, e.Name()) })
}
