package rules

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/saypro/veritail/configs"
)

// Pack returns the files of fsys that rules were made of as a zip archive: Load reads the same rules from it, as Unpack opens it. Equal
// files make equal archives. The rules must be compiled: before, the lists that they name are not known.
func Pack(fsys fs.FS, of []Rule) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name string) error {
		text, err := fs.ReadFile(fsys, name)
		if errors.Is(err, fs.ErrNotExist) { // it need not be there
			return nil
		}
		if err != nil {
			return err
		}
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	for _, folder := range []string{"rules", Local} {
		err := fs.WalkDir(fsys, folder, func(name string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case e.IsDir(): // one without rules is there, too
				_, err = z.Create(name + "/")
				return err
			case path.Ext(name) == ".toml":
				return add(name)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("pack the rules: %w", err)
		}
	}
	beside := append(Lists(of), configs.TransactionsFile)
	slices.Sort(beside)
	for _, name := range beside {
		if err := add(name); err != nil {
			return nil, fmt.Errorf("pack what the rules name: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack the rules: %w", err)
	}
	return out.Bytes(), nil
}

// Unpack opens what Pack has returned.
func Unpack(packed []byte) (fs.FS, error) {
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, fmt.Errorf("unpack rules: %w", err)
	}
	return z, nil
}
