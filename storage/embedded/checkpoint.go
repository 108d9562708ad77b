package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/saypro/veritail/storage"
)

// The writer moves the WAL into the main file once it has walDue bytes, if that much space is free that it is sure to
// succeed: it was seen to need five times the WAL. That many bytes are about a row group of events; with fewer, the
// last row group would be compressed several times. A failed attempt costs no data and is made again walAgain later.
const (
	walDue   = 64 << 20
	walAgain = 16 << 20
	minFree  = 256 << 20
)

// keptFree is what commits of events leave free, so that findings, marks of the rules and what retention drops can
// still be written, and the machine goes on. The files wait meanwhile.
const keptFree = 256 << 20

// room returns storage.ErrFull where the file system has less free space than is kept, and for what is to be written.
func (c *Config) room(wanted int64) error {
	dir := filepath.Dir(c.Path)
	free, err := freeSpace(dir)
	if err != nil {
		return err
	}
	if free < c.keptFree+wanted {
		text := fmt.Sprintf("%.1f MB are free in %s, %.1f MB are kept free", float64(free)/1e6, dir, float64(c.keptFree)/1e6)
		if wanted > 0 {
			text += fmt.Sprintf(" and %.1f MB are wanted", float64(wanted)/1e6)
		}
		return fmt.Errorf("%w: %s", storage.ErrFull, text)
	}
	return nil
}

// checkpointIfDue runs between commits. A failure is remembered for Check and does not touch the commit that has
// been made; only one that leaves the handle dead is returned.
func (w *writer) checkpointIfDue() error {
	wal := fileSize(w.path + ".wal")
	if wal < max(w.walDue, w.notBefore) {
		return nil
	}
	return w.checkpointNow(wal)
}

// freeBlocks checkpoints so that the blocks of tables that were dropped can be used again.
func (w *writer) freeBlocks() error { return w.checkpointNow(fileSize(w.path + ".wal")) }

func (w *writer) checkpointNow(wal int64) error {
	if w.backups.Load() > 0 {
		if !w.short(wal) {
			return nil // the next commit after them asks again
		}
		w.overridden++
	}
	err := w.checkpoint(wal)
	for range readersWait / readersPoll {
		if !heldByReader(err) {
			break
		}
		time.Sleep(readersPoll)
		err = w.checkpoint(wal)
	}
	w.checkpointErr, w.notBefore = nil, 0
	if err != nil {
		w.notBefore = wal + walAgain
	}
	if err != nil && !heldByReader(err) {
		w.checkpointErr = err
	}
	if errors.Is(err, errFatal) {
		return err
	}
	return nil
}

// short reports whether a checkpoint that waits for a backup may soon have too little space: the WAL grows meanwhile, and
// what it needs with it. Intake comes first then.
func (w *writer) short(wal int64) bool {
	free, err := freeSpace(filepath.Dir(w.path))
	need := max(w.minFree, 6*wal)
	return err == nil && free >= need && free < 2*need
}

// A read that began before the last commit needs rows as they were before it changed them, and no checkpoint is
// possible until it ends. Most end at once, and the writer waits for them; a long scan lets the WAL grow.
const (
	readersWait = 250 * time.Millisecond
	readersPoll = 25 * time.Millisecond
)

func heldByReader(err error) bool {
	return err != nil && strings.Contains(err.Error(), "Cannot CHECKPOINT: there are other")
}

func (w *writer) checkpoint(wal int64) error {
	free, err := freeSpace(filepath.Dir(w.path))
	if err != nil {
		return err
	}
	if need := max(w.minFree, 6*wal); free < need {
		return fmt.Errorf("move the WAL of %d MB into the store: %d MB are free, %d MB are wanted", wal>>20, free>>20, need>>20)
	}
	if err := w.c.exec("CHECKPOINT"); err != nil {
		return fmt.Errorf("move the WAL into the store: %w", err)
	}
	w.freed = 0
	w.sweep()
	return nil
}

func fileSize(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// DiskSize returns the size in bytes of the file system that a path lies on.
func DiskSize(path string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("ask for the size of the file system of %s: %w", path, err)
	}
	return int64(st.Blocks) * int64(st.Bsize), nil
}

// freeSpace returns the bytes that this process may still write to the file system of dir.
func freeSpace(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
