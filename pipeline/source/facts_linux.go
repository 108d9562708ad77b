package source

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// factsOf asks the file system about f; statx also gives the time at which the file was made.
func factsOf(f *os.File) (facts, error) {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
	if err != nil {
		return facts{}, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	return fromStatx(&st), nil
}

// factsAt asks about the file that path names now.
func factsAt(path string) (facts, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
	if err != nil {
		return facts{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return facts{}, &os.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	return fromStatx(&st), nil
}

func fromStatx(st *unix.Statx_t) facts {
	fs := facts{
		inode: inode{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino},
		size:  int64(st.Size),
		mtime: micros(st.Mtime),
		ctime: micros(st.Ctime),
		links: uint64(st.Nlink),
	}
	if st.Mask&unix.STATX_BTIME != 0 {
		fs.birth = micros(st.Btime)
	}
	return fs
}

func micros(t unix.StatxTimestamp) int64 { return t.Sec*1e6 + int64(t.Nsec)/1e3 }
