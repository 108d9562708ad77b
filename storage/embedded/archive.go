package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/archive"
	"github.com/saypro/veritail/storage/query"
)

// Archive copies the days from first to last ("2026-11-24"; "" for no bound) that have ended into dir, which is made if
// it is not there, beside what is archived in it already, and returns the files of these days. Days that are not sealed
// are sealed first. What was restored from an archive is left out.
//
// A day that is in the archive already is replaced, unless the archive holds events of it that the store does not: then
// nothing is written, and the error is archive.Problems.
func (s *Store) Archive(ctx context.Context, dir, first, last string, now time.Time) ([]archive.File, error) {
	files, err := s.archive(ctx, dir, first, last, now)
	if err != nil {
		return nil, fmt.Errorf("archive to %s: %w", dir, err)
	}
	return files, nil
}

func (s *Store) archive(ctx context.Context, dir, first, last string, now time.Time) ([]archive.File, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	m, err := archive.Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		m, err = new(archive.Manifest), nil
	}
	if err != nil {
		return nil, err
	}
	during, err := daysBetween(first, last)
	if err != nil {
		return nil, err
	}
	if _, err := s.Seal(ctx, SealPolicy{During: during, Now: now}); err != nil {
		return nil, err
	}
	defer s.shelf.begin()() // the files stay, even if their days are dropped meanwhile
	files, sources, err := s.filesToArchive(ctx, during, now)
	if err != nil {
		return nil, err
	}
	old := slices.DeleteFunc(slices.Clone(m.Files), func(f archive.File) bool { return !hasDay(files, f.Day) })
	if p := missing(old, files); len(p) > 0 {
		return nil, p
	}
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sum, bytes, err := archive.Copy(sources[i], filepath.Join(dir, f.Name))
		if err != nil {
			return nil, err
		}
		if p := f.Differs(sum, bytes); len(p) > 0 {
			return nil, fmt.Errorf("the store's own file is not what it was made as: %w", p)
		}
	}
	m.Files = append(slices.DeleteFunc(m.Files, func(f archive.File) bool { return hasDay(files, f.Day) }), files...)
	if err := m.Write(dir); err != nil {
		return nil, err
	}
	for _, f := range old { // replaced by others of the same events
		if !slices.ContainsFunc(files, func(n archive.File) bool { return n.Name == f.Name }) {
			if err := os.Remove(filepath.Join(dir, f.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	return files, nil
}

func hasDay(files []archive.File, day string) bool {
	return slices.ContainsFunc(files, func(f archive.File) bool { return f.Day == day })
}

// daysBetween returns the time from the beginning of first to the end of last.
func daysBetween(first, last string) (query.Interval, error) {
	var during query.Interval
	for _, b := range []struct {
		day  string
		to   *int64
		more int
	}{{first, &during.From, 0}, {last, &during.To, 1}} {
		if b.day == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, b.day)
		if err != nil {
			return during, archive.Problems{fmt.Sprintf("%q is no day: write it as 2026-11-24", b.day)}
		}
		*b.to = at.AddDate(0, 0, b.more).UnixMicro()
	}
	return during, nil
}

// filesToArchive describes the store's own sealed files of days that have ended, each with its path.
func (s *Store) filesToArchive(ctx context.Context, during query.Interval, now time.Time) (files []archive.File, paths []string, err error) {
	err = s.read(ctx, func(c *conn) error {
		parts, err := partsOf(c, during)
		if err != nil {
			return err
		}
		for _, p := range parts {
			ended := !dayTime(p.day + 1).After(now)
			if during.To != 0 && dayTime(p.day).UnixMicro() >= during.To || !ended || p.restored != 0 {
				continue
			}
			if p.id == 0 {
				return archive.Problems{fmt.Sprintf("%s is still added to; try again later", dayTime(p.day).Format(time.DateOnly))}
			}
			f, err := describeFile(c, p)
			if err != nil {
				return err
			}
			files, paths = append(files, f), append(paths, p.file)
		}
		return nil
	})
	return files, paths, err
}

// describeFile says of a sealed part what a manifest does. Its name there tells by what it holds: an archive may have
// files of several stores.
func describeFile(c *conn, p part) (archive.File, error) {
	f := archive.File{Day: dayTime(p.day).Format(time.DateOnly), Rows: p.rows}
	err := one(c, `SELECT layout, bytes, sha256, "first", "last" FROM sealed WHERE part = $1`, func(c []cells) {
		f.Layout, f.Bytes, f.SHA256 = int(c[0].i32(0)), c[1].i64(0), c[2].str(0)
		f.First, f.Last = time.UnixMicro(c[3].i64(0)).UTC(), time.UnixMicro(c[4].i64(0)).UTC()
	}, p.id)
	if err != nil {
		return f, err
	}
	f.Name = fmt.Sprintf("%s-%.16s.parquet", dayName(p.day), f.SHA256)
	r, err := c.query(`SELECT k.gen, k.events, k.lines, g.host, g.path, g.dataset FROM counts k LEFT JOIN generations g ON k.gen = g.id
		WHERE k.day = $1 AND k.part = $2 ORDER BY k.gen`, p.day, p.id)
	if err != nil {
		return f, err
	}
	err = r.each(func(c []cells, i int) error {
		f.Generations = append(f.Generations, archive.Generation{ID: event.GenID(c[0].u64(i)).String(), Events: c[1].i64(i), Lines: c[2].i64(i),
			Host: c[3].str(i), Path: c[4].str(i), Dataset: c[5].str(i)})
		return nil
	})
	return f, err
}

// missing says which events of the files old those of now do not have, by day and generation.
func missing(old, now []archive.File) archive.Problems {
	type key struct{ day, gen string }
	have := make(map[key]int64)
	for _, f := range now {
		for _, g := range f.Generations {
			have[key{f.Day, g.ID}] += g.Events
		}
	}
	for _, f := range old {
		for _, g := range f.Generations {
			have[key{f.Day, g.ID}] -= g.Events
		}
	}
	var p archive.Problems
	for k, n := range have {
		if n < 0 {
			p = append(p, fmt.Sprintf("the archive holds %d events of %s, generation %s, that this store does not: archive to another directory", -n, k.day, k.gen))
		}
	}
	slices.Sort(p)
	return p
}
