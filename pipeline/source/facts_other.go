//go:build unix && !linux

package source

import (
	"os"
	"syscall"
)

// factsOf asks the file system about f. Without statx the time at which a file was made is not known.
func factsOf(f *os.File) (facts, error) {
	st, err := f.Stat()
	if err != nil {
		return facts{}, err
	}
	return fromStat(st), nil
}

// factsAt asks about the file that path names now.
func factsAt(path string) (facts, error) {
	st, err := os.Stat(path)
	if err != nil {
		return facts{}, err
	}
	if !st.Mode().IsRegular() {
		return facts{}, &os.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	return fromStat(st), nil
}

func fromStat(st os.FileInfo) facts {
	sys := st.Sys().(*syscall.Stat_t)
	return facts{
		inode: inode{uint64(sys.Dev), uint64(sys.Ino)},
		size:  st.Size(),
		mtime: st.ModTime().UnixMicro(),
		ctime: st.ModTime().UnixMicro(),
		links: uint64(sys.Nlink),
	}
}
