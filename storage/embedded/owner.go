package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// A store belongs to the user that its daemon runs as, to whom its folder belongs. What root puts there, a restored backup
// or the files that opening a store makes, has to be given to this user: else the daemon could not open it.

// owner is a user and a group.
type owner struct{ uid, gid int }

func ownerOf(info fs.FileInfo) (owner, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{}, false
	}
	return owner{int(st.Uid), int(st.Gid)}, true
}

// String names user and group, or their numbers where they have no name.
func (o owner) String() string {
	name, group := strconv.Itoa(o.uid), strconv.Itoa(o.gid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return name + ":" + group
}

// GiveToOwner gives the files of the store at path to the user and group of the folder that they lie in, and names them: as
// "veritail:veritail", or "" where nothing was to be given. It does nothing but as root.
func GiveToOwner(path string) (string, error) {
	var names []string
	for _, suffix := range storeSuffixes {
		names = append(names, filepath.Base(path)+suffix)
	}
	return giveToOwner(filepath.Dir(path), names...)
}

// giveToOwner gives what has one of the names in a folder, and what is below that, to the owner of the folder. Nothing is
// followed that leads out of the folder, whose owner could have put it there.
func giveToOwner(dir string, names ...string) (string, error) {
	if os.Geteuid() != 0 {
		return "", nil
	}
	given, err := give(dir, names)
	if err != nil {
		return "", fmt.Errorf("give the store to the owner of %s: %w", dir, err)
	}
	return given, nil
}

func give(dir string, names []string) (given string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	info, err := root.Stat(".")
	if err != nil {
		return "", err
	}
	to, ok := ownerOf(info)
	if !ok {
		return "", nil
	}
	for _, name := range names {
		if info, err := root.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			continue // somebody has put it elsewhere, and made what is there
		}
		err := fs.WalkDir(root.FS(), name, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			if has, ok := ownerOf(info); !ok || has == to {
				return nil
			}
			given = to.String()
			return root.Lchown(path, to.uid, to.gid)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return given, err
		}
	}
	return given, nil
}

// makeFolders makes a folder and those above it that are not there, each with the owner of the one that it lies in, and
// reports whether the folder had to be made.
func makeFolders(dir string) (made bool, err error) {
	if _, err := os.Stat(dir); err == nil {
		return false, nil
	}
	if _, err := makeFolders(filepath.Dir(dir)); err != nil {
		return false, err
	}
	err = os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err == nil {
		_, err = giveToOwner(filepath.Dir(dir), filepath.Base(dir))
	}
	return true, err
}
