// Package demo is the demonstration site: it replays the bundled logs of real servers into files, at a lively rate and
// with time stamps of the present, so that a newcomer sees Veritail work without having a server at hand.
//
// It stands before the flow: what it writes are files like any others, which the daemon follows as it follows those
// of the machine, under data sets "demo.*" and the site "demo", apart from the machine's own figures.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/saypro/veritail/configs"
)

// Site is the site that the demonstration's events are counted under.
const Site = "demo"

const (
	// round is how long one replay of all logs takes; some 2,400 lines make about 40 a second.
	round = 60 * time.Second
	// lead is the time within which the first round brings the ordinary lines before the first failures, so that
	// those come soon after.
	lead = 2 * time.Second
	// late is how far the feeder may fall behind, as when the machine sleeps, before it goes on from the present
	// instead of catching up.
	late = 5 * time.Second
)

// Sources returns the sources that follow what Feed writes under dir.
func Sources(dir string) []configs.Source {
	var all []configs.Source
	for _, g := range groups {
		for _, s := range g.streams {
			all = append(all, configs.Source{
				Paths:   []string{filepath.Join(globEscape(dir), filepath.FromSlash(s.name))},
				Dataset: s.dataset,
				Format:  configs.Auto,
				Site:    Site,
			})
		}
	}
	return all
}

// globEscape returns a glob that matches path only.
func globEscape(path string) string {
	var b bytes.Buffer
	for _, c := range []byte(path) {
		if bytes.IndexByte([]byte(`*?[\`), c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Feed appends the bundled logs to files under dir, which it makes, until ctx ends; then it returns nil. Each round
// of a minute replays all of them in the same order, with process ids and ports of its own from the second round on;
// files are rotated by renaming as they grow. now gives the time that is stamped on the lines; layouts that name
// no zone get it in its location. Feed runs in the caller's goroutine and must be the only writer of dir.
func Feed(ctx context.Context, dir string, now func() time.Time) (err error) {
	first, later, err := plans()
	if err != nil {
		return err
	}
	files := map[*stream]*file{}
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	start := time.Now()
	for n := 0; ; n++ {
		steps := later
		if n == 0 {
			steps = first
		}
		for _, step := range steps {
			due := start.Add(step.at)
			if behind := time.Since(due); behind > late {
				start = start.Add(behind)
			}
			timer.Reset(time.Until(due))
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
			if err := write(files, dir, step, now(), n); err != nil {
				return fmt.Errorf("feed the demonstration site: %w", err)
			}
		}
		start = start.Add(round)
	}
}

func write(files map[*stream]*file, dir string, s step, now time.Time, n int) error {
	f := files[s.stream]
	if f == nil {
		var err error
		if f, err = open(filepath.Join(dir, filepath.FromSlash(s.stream.name)), s.stream.rotateAt); err != nil {
			return err
		}
		files[s.stream] = f
	}
	return f.append(s.stream.rewrite(s.unit, now, n))
}

// A file is a log that is rotated by renaming, as logrotate does without copytruncate.
type file struct {
	*os.File
	size, rotateAt int64
}

func open(path string, rotateAt int64) (*file, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &file{f, info.Size(), rotateAt}, nil
}

// append writes text in one call, so that a reader never sees half of it for long, and rotates first if the file
// has reached its size.
func (f *file) append(text []byte) error {
	if f.size >= f.rotateAt {
		path := f.Name()
		if err := os.Rename(path, path+".1"); err != nil {
			return err
		}
		fresh, err := open(path, f.rotateAt)
		if err != nil {
			return err
		}
		old := f.File
		*f = *fresh
		if err := old.Close(); err != nil {
			return err
		}
	}
	n, err := f.Write(text)
	f.size += int64(n)
	return err
}
