// Package backup is a folder that holds a copy of a store as it stood at one commit: the store's own files, and a manifest
// with their SHA-256, so that one that was altered, cut or lost is noticed before it takes a store's place. The manifest is
// written last and the folder gets its name after that: a folder of that name is whole, or was changed later.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/storage/archive"
)

// ManifestName is the manifest's file.
const ManifestName = "backup.json"

// version is the manifest's own layout.
const version = 1

// Suffix is that of the name of a folder that is being written.
const Suffix = ".part"

// A Manifest says what a backup holds.
type Manifest struct {
	Version int       `json:"version"`
	Program string    `json:"program"` // the version of Veritail that made it
	Made    time.Time `json:"made"`
	Layout  int       `json:"layout"` // of the store
	Commits int64     `json:"commits"`
	Events  int64     `json:"events"`
	Days    []Day     `json:"days"` // with events, in order
	Files   []File    `json:"files"`
	Lacks   []Lack    `json:"lacks,omitempty"` // what the store should have held: none of it is in Events, Days and Files
}

// A Day is how many events there are of one.
type Day struct {
	Day    string `json:"day"` // as 2026-11-24, in UTC
	Events int64  `json:"events"`
}

// A Lack is a sealed file of the store that was damaged when the backup was made.
type Lack struct {
	File        // as it was made
	Day         // what it held
	Why  string `json:"why"`
}

// A File is one of the store's files.
type File struct {
	Name   string `json:"file"` // below the folder, with slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// Bytes returns the size of all files.
func (m *Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// without takes a damaged file out of what the manifest says.
func (m *Manifest) without(l Lack) {
	m.Lacks = append(m.Lacks, l)
	m.Events -= l.Events
	for i := range m.Days {
		if m.Days[i].Day == l.Day.Day {
			m.Days[i].Events -= l.Events
		}
	}
	m.Days = slices.DeleteFunc(m.Days, func(d Day) bool { return d.Events == 0 })
}

// A Source is a file to be copied, of which the first Bytes count.
type Source struct {
	File
	From io.ReaderAt
	Held Day // what a file holds that may be lacking when it has not the SHA256 that it should
}

// Write makes the backup dir of sources, durably, and fills in the manifest's files and what it lacks. Nothing may be
// there, also not under the name with Suffix; after an error neither is. When all is written still is asked, and its error
// is that of Write.
func Write(ctx context.Context, dir string, m *Manifest, sources []Source, still func() error) error {
	part := dir + Suffix
	for _, name := range []string{dir, part} {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("%w: %s", fs.ErrExist, name)
		}
	}
	if err := os.Mkdir(part, 0o700); err != nil {
		return err
	}
	err := write(ctx, part, m, sources)
	if err == nil {
		err = still()
	}
	if err == nil {
		err = os.Rename(part, dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(part))
	}
	return archive.Sync(filepath.Dir(dir))
}

func write(ctx context.Context, dir string, m *Manifest, sources []Source) error {
	m.Version, m.Files, m.Lacks = version, nil, nil
	for _, s := range sources {
		f, err := copyFile(ctx, dir, s)
		var damage Problems
		switch {
		case errors.As(err, &damage) && s.Held.Events > 0:
			m.without(Lack{File: s.File, Day: s.Held, Why: damage.Error()})
		case err != nil:
			return fmt.Errorf("copy %s: %w", s.Name, err)
		default:
			m.Files = append(m.Files, f)
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, ManifestName)
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return errors.Join(archive.Sync(path), archive.Sync(dir))
}

// copyFile copies a source below dir, durably. One that is not as it has to be, or cannot be
// read, is Problems. After an error nothing is left.
func copyFile(ctx context.Context, dir string, s Source) (File, error) {
	path := filepath.Join(dir, filepath.FromSlash(s.Name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return File{}, err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return File{}, err
	}
	got, err := copyTo(out, &interrupted{ctx: ctx, r: io.NewSectionReader(s.From, 0, s.Bytes)}, s)
	err = errors.Join(err, out.Close())
	if err != nil {
		return File{}, errors.Join(err, os.Remove(path))
	}
	return got, archive.Sync(filepath.Dir(path))
}

func copyTo(out *os.File, in *interrupted, s Source) (File, error) {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), in)
	got := File{s.Name, n, fmt.Sprintf("%x", h.Sum(nil))}
	switch {
	case in.err != nil:
		err = Problems{in.err.Error()}
	case err != nil:
	case n != s.Bytes:
		err = Problems{fmt.Sprintf("%d bytes of %d were there", n, s.Bytes)}
	case s.SHA256 != "" && s.SHA256 != got.SHA256:
		err = Problems{fmt.Sprintf("it has the SHA-256 %s and was made with %s", got.SHA256, s.SHA256)}
	default:
		err = out.Sync()
	}
	return got, err
}

// interrupted is a reader that ends with a context, and keeps the error of what it reads.
type interrupted struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (r *interrupted) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	n, err := r.r.Read(b)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// Problems are what is wrong with a backup, one line each. They refuse it.
type Problems = archive.Problems

// Read reads the manifest of the backup in dir. One that is not understood is Problems, and so is an archive; without one
// the error is fs.ErrNotExist.
func Read(dir string) (*Manifest, error) {
	m := new(Manifest)
	path := filepath.Join(dir, ManifestName)
	err := archive.Decode(path, version, m)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(dir, archive.ManifestName)); err == nil {
			return nil, Problems{dir + " is an archive of days, not a backup: veritail archive -restore brings them back"}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the backup: %w", err)
	}
	for _, f := range m.Files {
		if !fs.ValidPath(f.Name) || strings.Contains(f.Name, `\`) {
			return nil, Problems{fmt.Sprintf("%s: %q is no name of a file of a backup", path, f.Name)}
		}
	}
	return m, nil
}

// Check compares the files of the backup in dir with its manifest and returns what differs.
func (m *Manifest) Check(ctx context.Context, dir string) (Problems, error) {
	var found Problems
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return found, context.Cause(ctx)
		}
		sum, n, err := archive.Sum(filepath.Join(dir, filepath.FromSlash(f.Name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			found = append(found, f.Name+" is missing")
		case err != nil:
			return found, err
		case n != f.Bytes:
			found = append(found, fmt.Sprintf("%s has %d bytes, the manifest says %d", f.Name, n, f.Bytes))
		case sum != f.SHA256:
			found = append(found, fmt.Sprintf("%s has the SHA-256 %s, the manifest says %s", f.Name, sum, f.SHA256))
		}
	}
	more, err := m.unknown(dir)
	return append(found, more...), err
}

// unknown names files that the manifest does not.
func (m *Manifest) unknown(dir string) (found Problems, err error) {
	err = fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path == ManifestName {
			return err
		}
		if !slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == path }) {
			found = append(found, path+" is not in the manifest")
		}
		return nil
	})
	return found, err
}

// CopyTo copies the files of the backup in dir to another folder, where none of them is, and compares what it copies
// with the manifest: Problems say what differs.
func (m *Manifest) CopyTo(ctx context.Context, dir, to string) error {
	for _, f := range m.Files {
		if err := m.copyBack(ctx, dir, to, f); err != nil {
			return err
		}
	}
	return nil
}

// CopyFile copies the file of that name as CopyTo does. It reports whether there is one.
func (m *Manifest) CopyFile(ctx context.Context, dir, to, name string) (bool, error) {
	for _, f := range m.Files {
		if f.Name == name {
			return true, m.copyBack(ctx, dir, to, f)
		}
	}
	return false, nil
}

func (m *Manifest) copyBack(ctx context.Context, dir, to string, f File) error {
	in, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.Name)))
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := copyFile(ctx, to, Source{File: f, From: in}); err != nil {
		return fmt.Errorf("copy %s: %w", f.Name, err)
	}
	return nil
}
